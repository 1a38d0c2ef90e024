"""Which model a foreign sender means: it names things in its own way, and never waits to be corrected."""

from collections.abc import Iterable

from app.drift.columns import Role
from app.errors import NotFound
from app.monitor.catalog import Watched
from app.monitor.keyring import ANYBODY, Holder
from app.monitor.service import Service
from app.wire.names import lawful
from app.wire.senders.sides import Side


def resolve(service: Service, candidates: Iterable[str | None], *, holder: Holder = ANYBODY) -> Watched | None:
    """Give the first candidate that is a known model and visible to the holder; None when there is none."""
    names = [name for name in dict.fromkeys(candidates) if name and lawful(name) and holder.sees(name)]
    for fresh in (False, True):
        for name in names:
            found = _known(service, name, fresh=fresh)
            if found is not None:
                return found
    return None


def _known(service: Service, name: str, *, fresh: bool) -> Watched | None:
    """Ask the catalog; unless it has to be `fresh`, an absence noted a moment ago is believed."""
    if not fresh and service.catalog.absent(name):
        return None
    try:
        return service.catalog.watched(name, fresh=fresh)
    except NotFound:
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
