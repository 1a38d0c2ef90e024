"""Trying a suite on rows of a file, or on the windows whose samples are kept, without storing anything."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from app.monitor.arms import closed_before
from app.monitor.catalog import Watched
from app.monitor.sampling import DEFAULT_SIZE, Sample, merged, row_hashes
from app.monitor.sensitive import sensitive_names
from app.monitor.service import Service
from app.monitor.validation import Window, counted, judge
from app.quality.exact import Outcome
from app.quality.process import Bounds, Examiner
from app.quality.suite import Suite
from app.storage import reservoirs, windows
from app.wire.picks import Values, picked
from app.wire.stream import RowsFile

LAST: Final = 5


def on_file(suite: Suite, path: Path, *, bounds: Bounds, size: int = DEFAULT_SIZE) -> list[Outcome]:
    """Run a suite on a uniform sample of a file's rows."""
    sample, rows = _sampled(path, size)
    with tempfile.TemporaryDirectory(prefix="driftgauge-") as home:
        examiner = Examiner(bounds, home=Path(home))
        try:
            window = Window(sample, None, frozenset(), rows)
            return judge(window, suite, examiner=examiner, values=False, deadline_s=bounds.deadline_s)
        finally:
            examiner.stop()


def on_windows(service: Service, watched: Watched, suite: Suite) -> Iterator[tuple[int, str, list[Outcome]]]:
    """Run a suite on the last windows whose sample is kept: their start, version and what became of it."""
    policy = service.policy
    bounds = Bounds(policy.expectation_deadline_us / 1e6, policy.expectation_memory)
    examiner = Examiner(bounds, home=policy.scratch)
    with service.database.snapshot(deadline_s=bounds.deadline_s) as read:
        before = closed_before(service, watched)
        kept = reservoirs.kept(read, watched.id, start_before_us=before, limit=LAST)
    try:
        for start_us, version in kept:
            with service.database.snapshot(deadline_s=bounds.deadline_s) as read:
                parts = reservoirs.read(read, watched.id, start_us=start_us, version=version).parts
                found = windows.histograms(read, watched.id, start_us=start_us, version=version)
            rows = sum(int(one.rows[0]) for _, one in found)
            sample = merged(watched, parts, size=policy.reservoir_size)
            window = Window(sample, counted(service, found), sensitive_names(watched), rows)
            yield start_us, version, judge(window, suite, examiner=examiner, values=False, deadline_s=bounds.deadline_s)
    finally:
        examiner.stop()


def _sampled(path: Path, size: int) -> tuple[Sample, int]:
    hashes, columns, rows, text = np.zeros(0, np.uint64), dict[str, list[Any]](), 0, False
    types: dict[str, str] = {}
    for number, table in enumerate(RowsFile(path)):
        fresh = row_hashes(f"{path.name}/{number}", np.arange(table.rows))
        limit = hashes[-1] if len(hashes) == size else np.iinfo(np.uint64).max
        places = np.flatnonzero(fresh <= limit)
        places = places[np.argsort(fresh[places])][:size]
        picks = picked(table, list(table.columns), places.tolist())
        hashes, columns = _lowest(hashes, columns, fresh[places], picks.columns, size=size)
        rows += table.rows
        text, types = table.text, picks.types
    return Sample(hashes, columns, frozenset(columns) if text else frozenset(), types), rows


def _lowest(hashes: Any, columns: Values, fresh: Any, some: Values, *, size: int) -> tuple[Any, Values]:
    """Join two samples to the rows of lowest hash."""
    both = np.concatenate((hashes, fresh))
    order = np.argsort(both)[:size].tolist()
    joined = {}
    for name in dict.fromkeys([*columns, *some]):
        own = columns.get(name, [None] * len(hashes)) + some.get(name, [None] * len(fresh))
        joined[name] = [own[place] for place in order]
    return both[order], joined
