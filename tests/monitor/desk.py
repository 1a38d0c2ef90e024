"""A service without its HTTP door, on a real database and a clock that the test sets."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.drift.context import HOUR_US, MONDAY_US, WEEK_US
from app.metrics.instruments import Instruments
from app.metrics.page import Page
from app.monitor import ingest
from app.monitor.catalog import Catalog, Watched
from app.monitor.evaluate import evaluate, fold_all
from app.monitor.ingest import Envelope
from app.monitor.instants import instant_text
from app.monitor.models import Author, put_model
from app.monitor.promotion import create_from_file
from app.monitor.road import walk
from app.monitor.service import Policy, Service
from app.storage import chronicles, episodes, scores, windows
from app.storage.committer import GroupCommitter
from app.storage.database import Database
from app.storage.episodes import Episode
from app.storage.scores import ScoredWindow

MONDAY: Final = MONDAY_US + 2900 * WEEK_US
"""The first instant of the made-up world: a Monday in UTC."""
AUTHOR: Final = Author("test", "r1")
ROWS_AN_HOUR: Final = 40


@dataclass(frozen=True, slots=True)
class Clocked(Service):
    """A service whose time is what the test says."""

    clock: list[int] = field(default_factory=lambda: [MONDAY])

    def now_us(self) -> int:
        """Give the time that was set."""
        return self.clock[0]


class Desk:
    """The roads of one service, each in one short call, on one model."""

    def __init__(self, service: Clocked, folder: Path) -> None:
        self.service = service
        self.folder = folder
        self.name = "m"

    @property
    def watched(self) -> Watched:
        """The model as the database has it."""
        return self.service.catalog.watched(self.name, fresh=True)

    def at(self, us: int) -> "Desk":
        """Set the clock."""
        self.service.clock[0] = us
        return self

    def configure(self, **document: object) -> dict[str, Any]:
        """Create or change the model."""
        return put_model(self.service, self.name, document, author=AUTHOR)[0]

    def write(self, text: str, name: str = "baseline.csv") -> Path:
        """Write a file."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def reference(self, path: Path, *, activate: bool = True) -> dict[str, Any]:
        """Make a baseline from a file."""
        return create_from_file(self.service, self.name, path, content_type=None, activate=activate, author=AUTHOR)

    def rows(self, rows: Sequence[object], batch: str = "b1", **said: Any) -> dict[str, Any]:
        """Deliver rows."""
        return self.body(json.dumps({"rows": rows}).encode(), batch, **said)

    def body(self, body: bytes, batch: str = "b1", **said: Any) -> dict[str, Any]:
        """Deliver a body of JSON."""
        asked = replace(_envelope(batch), **said)
        return walk(ingest.batch(self.service, self.name, envelope=asked, body=body), timeout_s=60)

    def binned(self, document: object, batch: str = "h1", **said: Any) -> dict[str, Any]:
        """Deliver histograms."""
        asked = replace(_envelope(batch), **said)
        body = json.dumps(document).encode()
        return walk(ingest.histograms(self.service, self.name, envelope=asked, body=body), timeout_s=60)

    def hours(
        self, first: int, features: dict[str, NDArray[np.int64]], *, batch: str, version: str = "default"
    ) -> dict[str, Any]:
        """Deliver counts (W, bins) of the hours from one on, as history."""
        some = next(iter(features.values()))
        posted = [
            {
                "start": instant_text(first + w * HOUR_US),
                "rows": int(some[w].sum()),
                "features": {name: {"counts": counts[w].tolist()} for name, counts in features.items()},
            }
            for w in range(len(some))
        ]
        return self.binned({"baseline": 1, "version": version, "windows": posted}, batch, backfill=True)

    def evaluate(self) -> int:
        """Evaluate what is due; gives the number of windows."""
        return evaluate(self.service, self.watched).windows

    def fold(self) -> int:
        """Fold the journal."""
        return fold_all(self.service, self.watched.id)

    def scored(self) -> list[ScoredWindow]:
        """Every stored score."""
        with self.service.database.snapshot() as conn:
            return sorted(scores.listed(conn, self.watched.id), key=lambda one: (one.start_us, one.version))

    def episodes(self) -> list[Episode]:
        """Every stored episode."""
        with self.service.database.snapshot() as conn:
            return episodes.listed(conn, self.watched.id)

    def states(self, mondays: Sequence[int], *, baseline_id: int, version: str = "default") -> list[bytes]:
        """The packed state after each of these weeks."""
        with self.service.database.snapshot() as conn:
            found = [
                chronicles.last(conn, self.watched.id, version=version, baseline_id=baseline_id, before_us=monday)
                for monday in mondays
            ]
        return [one.after for one in found if one is not None]

    def counts(self, baseline_id: int, version: str = "default") -> list[tuple[int, int]]:
        """Start and rows of every window of a version."""
        with self.service.database.snapshot() as conn:
            listed = windows.listed(conn, self.watched.id, version=version)
        return [(one.start_us, one.rows) for one in listed if one.baseline_id == baseline_id]


def _envelope(batch: str) -> Envelope:
    return Envelope(batch, "application/json", "", version=None, backfill=False, rows=None)


@contextmanager
def opened(database: Database, folder: Path, **policy: Any) -> Iterator[Desk]:
    """Open a service on a database, and close it."""
    committer = GroupCommitter(database, queue_batches=100)
    committer.start()
    instruments = Instruments("test")
    service = Clocked(
        database=database,
        committer=committer,
        catalog=Catalog(database),
        instruments=instruments,
        page=Page(instruments, max_series=10_000),
        policy=Policy(scratch=folder, **policy),
    )
    try:
        yield Desk(service, folder)
    finally:
        committer.close(timeout_s=5.0)


def weeks_of_rows(weeks: int = 2, *, seed: int = 1) -> str:
    """Forty rows an hour from the first Monday on, as CSV: a normal x and a colour."""
    rng = np.random.default_rng(seed)
    hours = weeks * WEEK_US // HOUR_US
    lines = ["timestamp,x,colour"]
    for hour in range(hours):
        start = MONDAY + hour * HOUR_US
        for row, value in enumerate(rng.normal(size=ROWS_AN_HOUR).tolist()):
            colour = ("red", "green", "green", "blue")[int(rng.integers(4))]
            lines.append(f"{start + row * 60_000_000},{value:.6f},{colour}")
    return "\n".join(lines)
