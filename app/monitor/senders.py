"""Which model a foreign sender means: it names things in its own way, and never waits to be corrected."""

from collections.abc import Iterable

from app.drift.columns import Role
from app.errors import NotFound
from app.monitor.catalog import Watched
from app.monitor.keyring import ANYBODY, Holder
from app.monitor.service import Service
from app.wire.names import lawful
from app.wire.senders.sides import Side


class Finder:
    """Finds the models that one delivery means: however many strangers it names, the names of all are read once."""

    def __init__(self, service: Service, holder: Holder = ANYBODY) -> None:
        """Find what a key's holder may see."""
        self._catalog = service.catalog
        self._holder = holder
        self._listed: frozenset[str] | None = None

    def find(self, candidates: Iterable[str | None]) -> Watched | None:
        """Give the first candidate that is a known model and visible to the holder; None when there is none.

        An absence noted a moment ago is believed as long as another candidate is found.
        """
        names = [name for name in dict.fromkeys(candidates) if name and lawful(name) and self._holder.sees(name)]
        found = self._first(names)
        if found is None and names and self._listed is None:
            self._listed = frozenset(self._catalog.names())
            found = self._first(names)
        return found

    def _first(self, names: Iterable[str]) -> Watched | None:
        for name in names:
            if self._catalog.absent(name) if self._listed is None else name not in self._listed:
                continue
            try:
                return self._catalog.watched(name)
            except NotFound:
                continue
        return None


def side_of(watched: Watched, role: Role) -> Side:
    """Give the features of a role, in the order of the model's read, for columns without names."""
    features = watched.model.features
    return Side(
        ordered=tuple(feature.name for feature in features if feature.role is role),
        known=frozenset(feature.name for feature in features) | steering(watched),
        answer=role is not Role.FEATURE,
    )


def steering(watched: Watched) -> frozenset[str]:
    """Give the columns that say when and by which version a row was served."""
    configuration = watched.configuration
    return frozenset({configuration.time_column, configuration.version_column or ""}) - {""}
