"""The windows of one version on one baseline, and how their counts are read."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline
from app.drift.evidence import Evidence
from app.drift.layout import Layout
from app.drift.replay import State, Windows
from app.monitor.arrival import DEFAULT_VERSION
from app.monitor.catalog import Watched
from app.monitor.layouts import layout_of
from app.monitor.service import Service
from app.storage import baselines, windows
from app.storage.database import Connection
from app.storage.windows import WindowCounts

Starts = NDArray[np.int64]
CHUNK = 64


@dataclass(frozen=True, slots=True)
class Arm:
    """One version of a model on one baseline, with its closed windows: starts and dirty of shape (W,), ascending."""

    model_id: int
    version: str
    baseline_id: int
    baseline: Baseline
    starts: Starts
    dirty: NDArray[np.bool_]
    own: bool = False

    @classmethod
    def of_baseline(cls, read: Connection, model_id: int, baseline_id: int, baseline: Baseline) -> "Arm":
        """Take the baseline's own windows for those of a version."""
        starts = np.array(baselines.window_starts(read, baseline_id), np.int64)
        return cls(model_id, DEFAULT_VERSION, baseline_id, baseline, starts, np.zeros(len(starts), np.bool_), own=True)

    @property
    def layout(self) -> Layout:
        """Give the baseline as the calibration sees it."""
        return layout_of(self.baseline)

    def beginning(self) -> State:
        """Give the state before the first window."""
        return State(Evidence.none(len(self.baseline.features)))


def closed_before(service: Service, watched: Watched) -> int:
    """Give the instant before which a window must start to be closed by now."""
    return service.now_us() - service.policy.close_delay_us - watched.configuration.window + 1


def arms_of(service: Service, read: Connection, watched: Watched, version: str) -> list[Arm]:
    """List the baselines that the version's closed windows were counted on, oldest first."""
    rows = windows.listed(read, watched.id, to_us=closed_before(service, watched), version=version)
    found: list[Arm] = []
    for baseline_id in sorted({row.baseline_id for row in rows}):
        own = [row for row in rows if row.baseline_id == baseline_id]
        found.append(
            Arm(
                model_id=watched.id,
                version=version,
                baseline_id=baseline_id,
                baseline=service.catalog.baseline(baseline_id),
                starts=np.array([row.start_us for row in own], np.int64),
                dirty=np.array([row.revision > row.scored_revision for row in own], np.bool_),
            )
        )
    return found


def counted(read: Connection, arm: Arm, wanted: Starts) -> Iterator[WindowCounts]:
    """Read the given windows of the version, a few at a time."""
    if arm.own:
        yield from of_baseline(read, arm, wanted)
    elif len(wanted):
        for chunk in windows.counts(
            read,
            arm.model_id,
            baseline_id=arm.baseline_id,
            version=arm.version,
            from_us=int(wanted[0]),
            to_us=int(wanted[-1]) + 1,
            chunk=CHUNK,
        ):
            yield _only(chunk, wanted)


def of_baseline(read: Connection, arm: Arm, wanted: Starts) -> Iterator[WindowCounts]:
    """Read the given windows of the baseline itself, a few at a time."""
    if len(wanted):
        first, stop = int(wanted[0]), int(wanted[-1]) + 1
        for chunk in baselines.windows(read, arm.baseline_id, from_us=first, to_us=stop, chunk=CHUNK):
            yield _only(chunk, wanted)


def _only(chunk: WindowCounts, wanted: Starts) -> WindowCounts:
    mine = np.isin(chunk.starts, wanted)
    if mine.all():
        return chunk
    return WindowCounts(
        chunk.starts[mine], chunk.rows[mine], chunk.counts[mine], chunk.sums[mine], chunk.revisions[mine]
    )


def laid(chunks: Iterator[WindowCounts], arm: Arm) -> Windows:
    """Lay windows end to end, each count in as few bytes as the largest of its chunk needs."""
    starts: list[Starts] = [np.zeros(0, np.int64)]
    rows: list[Starts] = [np.zeros(0, np.int64)]
    counts: list[NDArray[np.integer]] = [np.zeros((0, arm.baseline.total), np.uint16)]
    for chunk in chunks:
        starts.append(chunk.starts)
        rows.append(chunk.rows)
        counts.append(chunk.counts.astype(np.min_scalar_type(int(chunk.counts.max(initial=0)))))
    return Windows(np.concatenate(starts), np.concatenate(counts), np.concatenate(rows))
