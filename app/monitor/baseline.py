"""The road of a baseline: rows of any size, bins, counts by window."""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline
from app.drift.columns import Kind, Role
from app.drift.counting import count
from app.drift.fit import Fit, Tally
from app.drift.windows import WEEK_US, window_starts
from app.errors import Refused
from app.monitor.arrival import Arrival, arrive
from app.monitor.binned import columns_of
from app.monitor.catalog import Watched
from app.monitor.opening import opening
from app.monitor.spill import Portion, Spill
from app.storage.windows import WindowCounts
from app.wire.envelope import opened
from app.wire.names import check_name
from app.wire.stream import RowsFile, nothing
from app.wire.table import LISTED_REJECTIONS, START, Mark, Rejection, Table
from app.wire.values import numeric_share

INFERENCE_ROWS: Final = 10_000
NUMERIC_SHARE: Final = 0.9
WINDOW_MEMORY: Final = 96 * 2**20
MOST_WINDOWS: Final = 100_000
_FOREVER_US: Final = 2**62

Progress = Callable[[int], None]
Starts = NDArray[np.int64]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Counted:
    """A baseline counted from rows: the whole, its windows, and the rows that could not be used."""

    baseline: Baseline
    starts: Starts
    rejected: int
    rejections: tuple[Rejection, ...]

    @property
    def weeks(self) -> int:
        """Give the number of weeks, Monday to Sunday in UTC, with rows."""
        return len(np.unique(window_starts(self.starts, WEEK_US)))


class BaselineRows:
    """The rows of a file, read as often as needed and never held all at once."""

    def __init__(
        self, watched: Watched, rows: RowsFile, *, now_us: int, max_columns: int, progress: Progress = nothing
    ) -> None:
        """Read rows as the model's settings say, without a horizon."""
        clockwork = watched.configuration.clockwork()
        self._clockwork = replace(clockwork, future_tolerance_us=_FOREVER_US, version_column=None)
        self._steering = {clockwork.time_column, clockwork.version_column}
        self._declared = {one.name: (one.kind, one.role) for one in watched.model.features if one.declared}
        self._opening = opening(watched)
        self._rows = rows
        self._now_us = now_us
        self._progress = progress
        self._max_columns = max_columns
        self._kinds: dict[str, tuple[Kind, Role]] = {}

    def fit(self, spill: Spill | None = None) -> tuple[Tally, Counted]:
        """Read the rows once to place the bins, and keep them if there is somewhere to; Refused without a row."""
        fits: list[Fit] = []
        self._infer()
        numbers = frozenset(name for name, (kind, _) in self._kinds.items() if kind is Kind.NUMERIC)
        self._rows = replace(self._rows, numbers=numbers)
        names = dict.fromkeys(self._kinds)
        fits.append(Fit([(name, *self._kinds[name]) for name in names]))
        starts: set[int] = set()
        accepted = rejected = 0
        rejections: list[Rejection] = []
        with ThreadPoolExecutor(1, thread_name_prefix="read") as side:
            for table, arrival in _ahead(self._chunks(), side):
                late = self._discover(table)
                if late:
                    fits.append(Fit([(name, *self._kinds[name]) for name in late], first=accepted))
                portion = self._portion(table, arrival)
                for fit in fits:
                    fit.add(portion.columns, len(portion), block=portion.block)
                if spill is not None and spill.add(portion, table.mark) and table.mark is not None:
                    self._rows.arriving.passed(table.mark.end)
                if len(starts) < MOST_WINDOWS:
                    starts.update(np.unique(portion.starts[portion.timed]).tolist())
                accepted += len(portion)
                rejected += arrival.rejected
                rejections += arrival.rejections[: LISTED_REJECTIONS - len(rejections)]
        if not accepted:
            raise Refused("empty-baseline", "the baseline has no row that could be read", extra={"rejected": rejected})
        tally = Tally([feature for fit in fits for feature in fit.freeze().layout.features])
        return tally, Counted(tally.layout, np.array(sorted(starts), np.int64), rejected, tuple(rejections))

    def count(self, tally: Tally, starts: Starts, spill: Spill | None = None) -> Iterator[WindowCounts]:
        """Take the rows again and count them: all into the tally, and by window as many at once as memory allows."""
        total = max(1, tally.layout.total)
        together = max(1, WINDOW_MEMORY // (8 * total))
        for first in range(0, max(1, len(starts)), together):
            yield _count_some(tally, starts[first : first + together], self._portions(spill), first=first == 0)

    def _portions(self, spill: Spill | None) -> Iterator[Portion]:
        """Give again what counts, as far as it was kept, and then from the file."""
        if spill is not None:
            yield from spill.portions()
        if spill is None or not spill.whole:
            yield from itertools.starmap(self._portion, self._chunks(START if spill is None else spill.mark))

    def _chunks(self, begin: Mark = START) -> Iterator[tuple[Table, Arrival]]:
        """Give the rows part by part, with those that count."""
        for table in self._tables(self._progress, begin):
            yield table, arrive(table, self._clockwork, now_us=self._now_us, version=None, backfill=True)

    def _tables(self, progress: Progress = nothing, begin: Mark = START) -> Iterator[Table]:
        """Read the file, rows out of their envelopes if the model's come in some."""
        for table in replace(self._rows, begin=begin).tables(progress):
            yield opened(table, self._opening, logged=bool(self._opening.keys))

    def _portion(self, table: Table, arrival: Arrival) -> Portion:
        """Read the features of the rows that count."""
        block = table.block
        columns = columns_of(table, {name: kind for name, (kind, _) in self._kinds.items()}, block=block)
        if len(arrival.rows) != table.rows:
            columns = {name: column.take(arrival.rows) for name, column in columns.items()}
            block = None if block is None else block.take(arrival.rows)
        return Portion(arrival.starts, arrival.timed, columns, block)

    def _infer(self) -> None:
        """Decide the kinds of undeclared columns on the first rows."""
        seen = 0
        numbers: dict[str, int] = {}
        values: dict[str, int] = {}
        for table in self._tables():
            names = self._names(table)
            self._check_columns({*self._declared, *values, *names})
            for name in names:
                some = table.columns[name][: INFERENCE_ROWS - seen]
                share = numeric_share(some, text=table.text)
                numbers[name] = numbers.get(name, 0) + share[0]
                values[name] = values.get(name, 0) + share[1]
            seen += table.rows
            if seen >= INFERENCE_ROWS:
                break
        for name, held in values.items():
            kind = Kind.NUMERIC if numbers[name] >= NUMERIC_SHARE * held else Kind.CATEGORICAL
            self._kinds[name] = self._declared.get(name, (kind, Role.FEATURE))
        for name, declared in self._declared.items():
            self._kinds.setdefault(name, declared)

    def _discover(self, table: Table) -> list[str]:
        """Note the columns that the first rows did not have; their values count as numbers."""
        if self._kinds.keys() | self._steering >= table.columns.keys():
            return []
        late = [name for name in self._names(table) if name not in self._kinds]
        for name in late:
            self._kinds[name] = (Kind.NUMERIC, Role.FEATURE)
        if late:
            self._check_columns(self._kinds)
        return late

    def _names(self, table: Table) -> list[str]:
        return [check_name(name, "column") for name in table.columns if name not in self._steering]

    def _check_columns(self, names: Collection[str]) -> None:
        if len(names) > self._max_columns:
            raise Refused(
                "too-many-columns", f"a model may have {self._max_columns} features, these rows have {len(names)}"
            )


def _ahead(items: Iterator[Item], side: Executor) -> Iterator[Item]:
    """Read each item while the one before it is looked at."""
    coming = side.submit(next, items, None)
    while (item := coming.result()) is not None:
        coming = side.submit(next, items, None)
        yield item


def _count_some(tally: Tally, wanted: Starts, portions: Iterable[Portion], *, first: bool) -> WindowCounts:
    layout = tally.layout
    counts = np.zeros((len(wanted), layout.total), np.int64)
    sums = np.zeros((len(wanted), len(layout.features)))
    rows = np.zeros(len(wanted), np.int64)
    for portion in portions:
        mine = portion.timed & np.isin(portion.starts, wanted)
        present = np.unique(portion.starts[mine])
        places = np.where(mine, np.searchsorted(present, portion.starts), -1)
        if first:
            delta = tally.add(portion.columns, places, len(present), block=portion.block)
        else:
            chosen = np.flatnonzero(mine)
            some = {name: column.take(chosen) for name, column in portion.columns.items()}
            block = None if portion.block is None else portion.block.take(chosen)
            delta = count(layout, some, places[chosen], len(present), block=block)
        at = np.searchsorted(wanted, present)
        counts[at] += delta.counts
        with np.errstate(over="ignore", invalid="ignore"):
            sums[at] += delta.sums
        rows[at] += delta.rows
    return WindowCounts(wanted, rows, counts, sums, np.zeros(len(wanted), np.int64))
