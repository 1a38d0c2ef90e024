"""The windows of one version on one baseline, and how their counts are read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline
from app.drift.evidence import Evidence
from app.drift.layout import Layout
from app.drift.period import Period
from app.drift.replay import State, Windows
from app.monitor.arrival import DEFAULT_VERSION
from app.monitor.catalog import Watched
from app.monitor.layouts import layout_of
from app.monitor.service import Service
from app.storage import baselines, expiry, rollups, windows
from app.storage.database import Connection
from app.storage.rollups import Strand
from app.storage.windows import WindowCounts

Starts = NDArray[np.int64]
CHUNK = 64
CHUNK_BINS = 600_000
"""Bins of windows read at once: what memory they may take, however many features there are."""
EVER_US = -(2**55)


@dataclass(frozen=True, slots=True)
class Arm:
    """One version of a model on one baseline, with its closed windows: starts and dirty of shape (W,), ascending.

    With a `period` they are the days or weeks that its windows roll up to. Of a long history the arm may hold only
    what starts from `since_us` on; windows before `kept_us` are kept no more. `relieved_us` is where its last window
    ends once the version has later ones on another baseline: whatever is open then is over.
    """

    model_id: int
    version: str
    baseline_id: int
    baseline: Baseline
    starts: Starts
    dirty: NDArray[np.bool_]
    own: bool = False
    period: Period | None = None
    since_us: int = EVER_US
    kept_us: int = EVER_US
    relieved_us: int | None = None

    @classmethod
    def of_baseline(
        cls, read: Connection, model_id: int, baseline_id: int, baseline: Baseline, *, period: Period | None = None
    ) -> "Arm":
        """Take the baseline's own windows for those of a version."""
        arm = cls(
            model_id=model_id,
            version=DEFAULT_VERSION,
            baseline_id=baseline_id,
            baseline=baseline,
            starts=np.zeros(0, np.int64),
            dirty=np.zeros(0, np.bool_),
            own=True,
            period=period,
        )
        starts = own_starts(read, arm)
        return replace(arm, starts=starts, dirty=np.zeros(len(starts), np.bool_))

    @property
    def length_us(self) -> int:
        """Give the length of the periods that the windows were rolled up to, 0 for the model's own windows."""
        return 0 if self.period is None else self.period.length_us

    def strand(self, version: str | None = None) -> Strand:
        """Give the name under which the periods of a version are kept, if not those of the arm's own."""
        return Strand(self.model_id, self.version if version is None else version, self.baseline_id, self.length_us)

    def instant(self, start_us: int) -> int:
        """Give the instant at which a window, day or week begins."""
        return start_us if self.period is None else self.period.begins(start_us)

    def changed(self, conn: Connection) -> int | None:
        """Give the oldest start of what changed since it was scored."""
        if self.period is None:
            return windows.oldest_changed(
                conn, self.model_id, version=self.version, baseline_id=self.baseline_id, from_us=since(self.kept_us)
            )
        found = self.starts[self.dirty]
        return int(found[0]) if len(found) else None

    def expected_rows(self, chunk: WindowCounts) -> Starts:
        """Give the rows by which the volume of windows is judged: local days of 23 and 25 hours are no others."""
        return chunk.rows if self.period is None else self.period.whole(chunk.starts, chunk.rows)

    def windows(self, chunk: WindowCounts) -> Windows:
        """Give windows as they are judged."""
        return Windows(chunk.starts, chunk.counts, self.expected_rows(chunk))

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
    arms = [reaching(service, read, watched, head, EVER_US) for head in heads(service, read, watched, version)]
    return relieved([arm for arm in arms if len(arm.starts)], length_us=watched.configuration.window)


def relieved(arms: Sequence[Arm], *, length_us: int) -> list[Arm]:
    """Note in arms with all of their windows which of them were relieved by another."""
    lasts = [int(arm.starts[-1]) for arm in arms]
    return [
        replace(arm, relieved_us=last + length_us if last < max(lasts) else None)
        for arm, last in zip(arms, lasts, strict=True)
    ]


def heads(service: Service, read: Connection, watched: Watched, version: str) -> list[Arm]:
    """List the baselines that a version's windows may have been counted on, oldest first, without the windows."""
    none = np.zeros(0, np.int64)
    kept = expiry.kept_from(read, watched.id, version=version)
    return [
        Arm(
            model_id=watched.id,
            version=version,
            baseline_id=baseline_id,
            baseline=service.catalog.baseline(baseline_id),
            starts=none,
            dirty=none.astype(np.bool_),
            kept_us=kept.get(baseline_id, EVER_US),
        )
        for baseline_id in sorted({one.baseline_id for one in baselines.schedule(read, watched.id)})
    ]


def reaching(service: Service, read: Connection, watched: Watched, arm: Arm, since_us: int) -> Arm:
    """Give an arm with its closed windows from an instant on."""
    if arm.period is not None:
        return arm
    rows = [
        row
        for row in windows.listed(
            read,
            arm.model_id,
            from_us=since(max(since_us, arm.kept_us)),
            to_us=closed_before(service, watched),
            version=arm.version,
        )
        if row.baseline_id == arm.baseline_id
    ]
    return replace(
        arm,
        starts=np.array([row.start_us for row in rows], np.int64),
        dirty=np.array([row.revision > row.scored_revision for row in rows], np.bool_),
        since_us=since_us,
    )


def since(instant: int) -> int | None:
    """Give an instant as the beginning of a range, None for ever."""
    return None if instant == EVER_US else instant


def lived(read: Connection, arm: Arm, *, before_us: int) -> Starts:
    """Give the starts of all of the version's windows before an instant, however far back the arm itself reaches."""
    if arm.own or arm.since_us == EVER_US:
        return arm.starts[:0] if arm.own else arm.starts[arm.starts < before_us]
    rows = windows.listed(read, arm.model_id, from_us=since(arm.kept_us), to_us=before_us, version=arm.version)
    return np.array([row.start_us for row in rows if row.baseline_id == arm.baseline_id], np.int64)


def own_starts(read: Connection, arm: Arm) -> Starts:
    """Give the starts of the baseline's own windows."""
    if arm.period is None:
        return np.array(baselines.window_starts(read, arm.baseline_id), np.int64)
    return np.array(rollups.starts(read, arm.strand(rollups.BASELINE)), np.int64)


def counted(read: Connection, arm: Arm, wanted: Starts) -> Iterator[WindowCounts]:
    """Read the given windows of the version, a few at a time."""
    if arm.own:
        yield from of_baseline(read, arm, wanted)
    elif arm.period is not None:
        yield from _rolled(read, arm.strand(), wanted, chunk=_together(arm))
    elif len(wanted):
        for chunk in windows.counts(
            read,
            arm.model_id,
            baseline_id=arm.baseline_id,
            version=arm.version,
            from_us=int(wanted[0]),
            to_us=int(wanted[-1]) + 1,
            chunk=_together(arm),
        ):
            yield _only(chunk, wanted)


def of_baseline(read: Connection, arm: Arm, wanted: Starts) -> Iterator[WindowCounts]:
    """Read the given windows of the baseline itself, a few at a time."""
    if arm.period is not None:
        yield from _rolled(read, arm.strand(rollups.BASELINE), wanted, chunk=_together(arm))
    elif len(wanted):
        first, stop = int(wanted[0]), int(wanted[-1]) + 1
        for chunk in baselines.windows(read, arm.baseline_id, from_us=first, to_us=stop, chunk=_together(arm)):
            yield _only(chunk, wanted)


def _rolled(read: Connection, strand: Strand, wanted: Starts, *, chunk: int) -> Iterator[WindowCounts]:
    if len(wanted):
        first, stop = int(wanted[0]), int(wanted[-1]) + 1
        for found, _ in rollups.counts(read, strand, from_us=first, to_us=stop, chunk=chunk):
            yield _only(found, wanted)


def _together(arm: Arm) -> int:
    return max(min(CHUNK_BINS // max(arm.baseline.total, 1), CHUNK), 1)


def _only(chunk: WindowCounts, wanted: Starts) -> WindowCounts:
    mine = np.isin(chunk.starts, wanted)
    if mine.all():
        return chunk
    return WindowCounts(
        chunk.starts[mine], chunk.rows[mine], chunk.counts[mine], chunk.sums[mine], chunk.revisions[mine]
    )


def laid(chunks: Iterator[WindowCounts], arm: Arm, *, windows: int) -> tuple[Starts, NDArray[np.integer], Starts]:
    """Lay so many windows end to end, each count in as few bytes as the largest of all needs: starts, counts, rows."""
    starts, rows = np.zeros(windows, np.int64), np.zeros(windows, np.int64)
    counts: NDArray[np.integer] = np.zeros((windows, arm.baseline.total), np.uint8)
    at = 0
    for chunk in chunks:
        end = at + len(chunk)
        starts[at:end], rows[at:end] = chunk.starts, arm.expected_rows(chunk)
        least = np.min_scalar_type(int(chunk.counts.max(initial=0)))
        if least.itemsize > counts.itemsize:
            counts = _widened(counts, at, least)
        counts[at:end] = chunk.counts
        at = end
    return starts[:at], counts[:at], rows[:at]


def _widened(counts: NDArray[np.integer], filled: int, dtype: np.dtype[Any]) -> NDArray[np.integer]:
    """Give counts more bytes each; what was never written takes no memory."""
    wide = np.zeros(counts.shape, dtype)
    wide[:filled] = counts[:filled]
    return wide
