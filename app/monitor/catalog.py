"""What is watched, kept in memory for a moment: models, their settings and their baselines."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from app.drift.baseline import Baseline
from app.drift.columns import Role
from app.drift.windows import WEEK_US
from app.errors import Conflict, NotFound
from app.monitor.configuration import Configuration, restored
from app.quality.naming import NOTHING, Named, named
from app.storage import baselines, models, suites
from app.storage.baselines import Activation
from app.storage.database import Connection, Database
from app.wire.wrapping import Opening

KEPT_BASELINES = 64
KEPT_FEATURES = 250_000
GAP_WEEKS = 8
NO_BASELINE_RETRY_S = 30
AT_HAND_MARGIN_S = 0.05
KEPT_ABSENCES = 1000


@dataclass(frozen=True)
class Watched:
    """A model with its settings and the baselines that hold, by the window from which they do."""

    model: models.Model
    configuration: Configuration
    schedule: tuple[Activation, ...]
    sampled: bool = False
    named: Named = NOTHING

    @property
    def id(self) -> int:
        """Give the model's id."""
        return self.model.id

    @cached_property
    def opening(self) -> Opening:
        """What the settings and the features of the model say about its rows."""
        features = self.model.features
        predictions = [feature.name for feature in features if feature.role is Role.PREDICTION]
        return Opening(
            keys=self.configuration.envelope,
            time_column=self.configuration.time_column,
            version_column=self.configuration.version_column,
            features=frozenset(feature.name for feature in features),
            prediction=predictions[0] if len(predictions) == 1 else None,
        )

    @cached_property
    def sensitive(self) -> frozenset[str]:
        """The features that their owner declared sensitive."""
        return frozenset(feature.name for feature in self.model.features if feature.sensitive)

    def activation(self, start_us: int) -> Activation:
        """Give the activation that holds for a window; Conflict when there is none."""
        found = baselines.active_at(self.schedule, start_us)
        if found is None:
            detail = f"the model {self.model.name!r} has no active baseline"
            raise Conflict("no-baseline", detail, retryable=True, retry_after=NO_BASELINE_RETRY_S)
        return found


class Catalog:
    """Models by name, read from the database at most once in a while."""

    def __init__(self, database: Database, *, ttl_s: float = 1.0, sample_always: bool = False) -> None:
        """Read through to a database; an entry is trusted for `ttl_s` seconds.

        Rows are sampled for models with an active suite of expectations, or for all.
        """
        self._database = database
        self._sample_always = sample_always
        self._ttl_s = ttl_s
        self._lock = threading.Lock()
        self._watched: dict[str, tuple[float, Watched]] = {}
        self._absent: dict[str, float] = {}
        self._baselines: OrderedDict[int, Baseline] = OrderedDict()
        self._asked: set[str] = set()
        self._features: OrderedDict[int, tuple[str, ...]] = OrderedDict()
        self._gaps: dict[int, int | None] = {}
        self._named: dict[int, tuple[tuple[int, ...], Named]] = {}

    def watched(self, name: str, *, fresh: bool = False) -> Watched:
        """Give a model by name; NotFound when there is none. One without a baseline is looked at each time."""
        entry = self._watched.get(name)
        if entry is not None and entry[1].schedule and not fresh and self._holds(name, entry[0]):
            return entry[1]
        self._asked.add(name)
        try:
            return self._read(name)
        finally:
            self._asked.discard(name)

    def _holds(self, name: str, read_s: float) -> bool:
        """Tell whether an entry is young enough; while somebody reads it anew it may be twice as old."""
        return time.monotonic() - read_s < self._ttl_s * (2 if name in self._asked else 1)

    def _read(self, name: str) -> Watched:
        now = time.monotonic()
        with self._database.snapshot() as conn:
            model = models.find(conn, name)
            schedule = () if model is None else baselines.schedule(conn, model.id)
            wanted = None if model is None else self._wanted(conn, model.id)
        if model is None:
            self._watched.pop(name, None)
            self._note_absence(name, now)
            raise NotFound("unknown-model", f"there is no model {name!r}")
        sampled = self._sample_always or wanted is not None
        watched = Watched(model, restored(model.config), schedule, sampled, wanted or NOTHING)
        self._watched[name] = (now, watched)
        self._absent.pop(name, None)
        return watched

    def _wanted(self, conn: Connection, model_id: int) -> Named | None:
        """Give the columns that active suites name, read anew when others are active; None when none is."""
        ids = suites.active_ids(conn, model_id)
        if not ids:
            self._named.pop(model_id, None)
            return None
        known = self._named.get(model_id)
        if known is None or known[0] != ids:
            known = (ids, named(one.document for one in suites.listed(conn, model_id, active=True)))
            self._named[model_id] = known
        return known[1]

    def absent(self, name: str) -> bool:
        """Tell whether the name was looked for a moment ago and was no model."""
        since = self._absent.get(name)
        return since is not None and time.monotonic() - since < self._ttl_s

    def _note_absence(self, name: str, now: float) -> None:
        with self._lock:
            while len(self._absent) >= KEPT_ABSENCES:
                self._absent.pop(next(iter(self._absent)), None)
            self._absent[name] = now

    def at_hand(self, name: str) -> bool:
        """Tell whether a model and the baseline that holds now can be given without a look into the database."""
        entry = self._watched.get(name)
        if entry is None or not self._holds(name, entry[0] - AT_HAND_MARGIN_S):
            return False
        return any(activation.baseline_id in self._baselines for activation in entry[1].schedule[-1:])

    def names(self) -> list[str]:
        """List the names of all models."""
        with self._database.snapshot() as conn:
            return models.names(conn)

    def forget(self, name: str) -> None:
        """Read a model anew the next time."""
        self._watched.pop(name, None)

    def baseline(self, baseline_id: int) -> Baseline:
        """Give a baseline by its id; baselines never change, so it is read once."""
        with self._lock:
            if baseline_id in self._baselines:
                self._baselines.move_to_end(baseline_id)
                return self._baselines[baseline_id]
        with self._database.snapshot() as conn:
            loaded = baselines.load(conn, baseline_id)
        with self._lock:
            self._baselines[baseline_id] = loaded
            while len(self._baselines) > KEPT_BASELINES:
                self._baselines.popitem(last=False)
        return loaded

    def feature_names(self, baseline_id: int) -> tuple[str, ...]:
        """Name the features of a baseline in their order, without a place for it among those that are counted on."""
        names = self._features.get(baseline_id)
        if names is None:
            baseline = self._baselines.get(baseline_id)
            if baseline is None:
                with self._database.snapshot() as conn:
                    baseline = baselines.load(conn, baseline_id)
            names = tuple(feature.name for feature in baseline.features)
            with self._lock:
                self._features[baseline_id] = names
                while len(self._features) > 1 and sum(map(len, self._features.values())) > KEPT_FEATURES:
                    self._features.popitem(last=False)
        return names

    def longest_gap(self, baseline_id: int) -> int | None:
        """Give the longest pause between windows of the baseline's last eight weeks, in microseconds."""
        if baseline_id not in self._gaps:
            with self._database.snapshot() as conn:
                starts = baselines.window_starts(conn, baseline_id)
            recent = [start for start in starts if start >= starts[-1] - GAP_WEEKS * WEEK_US]
            gaps = [after - before for before, after in pairwise(recent)]
            self._gaps[baseline_id] = max(gaps, default=None)
        return self._gaps[baseline_id]
