"""A uniform sample of each window's rows: those whose hash of batch id and row number is among the lowest.

The lowest hashes of two sets are among the lowest of each, so samples of batches, of replicas and of restarts merge to
the sample of all (bottom-k sampling: Cohen and Kaplan, "Summarizing data using bottom-k sketches", PODC 2007).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any, Final

import numpy as np
import xxhash
from numpy.typing import NDArray

from app.drift.columns import Kind
from app.drift.sample import row_hashes as shuffled
from app.monitor.arrival import Arrival
from app.monitor.breath import breathe
from app.monitor.catalog import Watched
from app.monitor.lowest import ALL, Cell, Hashes, Lowest
from app.monitor.sensitive import sensitive_names
from app.storage.reservoirs import Part
from app.wire.picks import Picks, packed, packed_rows, read_cells, unpacked
from app.wire.table import Table

DEFAULT_SIZE: Final = 2_000
_DTYPE: Final = np.dtype("<u8")
_GAMMA: Final = 0x9E3779B97F4A7C15
_TURN_BITS: Final = 16
_TURN: Final = 1 << _TURN_BITS
_ALL_BITS: Final = 2**64 - 1
_KEPT_NAMES: Final = 64
BREATHS: Final = 8


def row_hashes(batch_id: str, rows: NDArray[np.int64]) -> Hashes:
    """Give each row of a batch, ascending, 64 even bits: drawn numbers from a place on that the id tells, and shifted.

    Which rows of a batch are low is as random as the numbers, and that of two batches as their ids' hashes.
    """
    seed, place = _seed(batch_id)
    numbers = _drawn()
    first, last = (int(rows[0]), int(rows[-1])) if len(rows) else (0, -1)
    if last < _TURN and last - first + 1 == len(rows):
        return numbers[place + first : place + last + 1] + np.uint64(seed)
    hashes = numbers.take(place + (rows & (_TURN - 1)))
    hashes += np.uint64(seed)
    hashes += (rows >> _TURN_BITS).astype(np.uint64) * np.uint64(_GAMMA)
    return hashes


def row_hash(batch_id: str, row: int) -> int:
    """Give one row the same 64 bits."""
    seed, place = _seed(batch_id)
    return int(_drawn()[place + row % _TURN]) + seed + (row >> _TURN_BITS) * _GAMMA & _ALL_BITS


def _seed(batch_id: str) -> tuple[int, int]:
    hashed = xxhash.xxh3_128_intdigest(batch_id.encode("utf-8", "surrogatepass"))
    return hashed & _ALL_BITS, (hashed >> 64) % _TURN


@cache
def _drawn() -> Hashes:
    """Draw a turn of numbers, and the same again."""
    return np.tile(shuffled(0, _TURN), 2)


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of one window by ascending hash; a column is missing where no row had it, `cells` came as CSV throughout.

    `types` are what Arrow calls those of columns that came with one and the same.
    """

    hashes: Hashes
    columns: dict[str, list[Any]]
    cells: frozenset[str] = frozenset()
    types: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.hashes)


class Reservoirs:
    """What one process offers to the samples of windows: rows that may be among those of lowest hash."""

    def __init__(self, size: int = DEFAULT_SIZE) -> None:
        """Keep the lowest `size` hashes of each window."""
        self.size = size
        self._lowest = Lowest(size)
        self._names: dict[int, tuple[Watched, tuple[str, ...]]] = {}

    def wants(self, cell: Cell, batch_id: str, rows: Iterable[int]) -> bool:
        """Tell whether one of these rows of a batch is to be offered."""
        limit = self._lowest.limit(cell)
        return limit == ALL or any(row_hash(batch_id, row) <= limit for row in rows)

    def want_all(self, model_id: int, arrival: Arrival) -> bool:
        """Tell whether a window of these rows still takes every row."""
        starts = set(arrival.starts.tolist())
        return any(
            self._lowest.limit((model_id, version, start)) == ALL for version in arrival.versions for start in starts
        )

    def note(self, model_id: int, parts: Iterable[Part]) -> None:
        """Remember rows that are committed."""
        for part in parts:
            self._lowest.add((model_id, part.version, part.window_start_us), np.frombuffer(part.hashes, _DTYPE))

    def offered(self, watched: Watched, table: Table, arrival: Arrival, *, batch_id: str) -> tuple[Part, ...]:
        """Pick the accepted rows of a batch that may be among the lowest of their windows."""
        if not watched.sampled or not len(arrival.rows):
            return ()
        names = self._named(watched)
        bare = _unknown(watched, table, names) if watched.named.every else ()
        hashes = row_hashes(batch_id, arrival.rows)
        first = int(arrival.starts[0])
        alone = bool((arrival.starts == first).all())
        parts = []
        for start in [first] if alone else np.unique(arrival.starts).tolist():
            for arm, version in enumerate(arrival.versions):
                chosen = hashes <= self._lowest.limit((watched.id, version, start))
                if not alone:
                    chosen &= arrival.starts == start
                if len(arrival.versions) > 1:
                    chosen &= arrival.arms == arm
                places = chosen.nonzero()[0]
                if len(places) > self.size:
                    places = np.sort(places[np.argpartition(hashes[places], self.size)[: self.size]])
                if len(places):
                    payload = packed_rows(table, names, arrival.rows.take(places), bare=bare)
                    parts.append(
                        Part(version, start, hashes.take(places).astype(_DTYPE, copy=False).tobytes(), payload)
                    )
        return tuple(parts)

    def _named(self, watched: Watched) -> tuple[str, ...]:
        """Name the columns that the model's samples hold; they are named anew when the model is read anew."""
        known = self._names.get(watched.id)
        if known is not None and known[0] is watched:
            return known[1]
        names = tuple(sampled_names(watched))
        if len(self._names) >= _KEPT_NAMES:
            self._names.clear()
        if known is not None and known[1] == names:
            names = known[1]  # so that plans made for them are found by identity
        self._names[watched.id] = (watched, names)
        return names


def sampled_names(watched: Watched) -> list[str]:
    """Name the columns that a sample may hold: features that are not sensitive, time and version, what suites name."""
    plain = [feature.name for feature in watched.model.features if not feature.sensitive]
    steering = (watched.configuration.time_column, watched.configuration.version_column)
    more = dict.fromkeys(name for name in (*steering, *sorted(watched.named.columns)) if name)
    known = {feature.name for feature in watched.model.features} if more else set()
    return [*plain, *(name for name in more if name not in known)]


def _unknown(watched: Watched, table: Table, names: Collection[str]) -> list[str]:
    """Name the columns of a table that no sample holds; those of sensitive features have no name here either."""
    return [name for name in table.columns if name not in {*names, *sensitive_names(watched)}]


def merged(watched: Watched, parts: Sequence[Part], *, size: int) -> Sample:
    """Join parts to the `size` rows of lowest hash, each row once, without what has become sensitive since."""
    if not parts:
        return Sample(np.zeros(0, np.uint64), {})
    hashes = np.concatenate([np.frombuffer(part.hashes, _DTYPE) for part in parts]).astype(np.uint64)
    lowest, first = np.unique(hashes, return_index=True)
    chosen = first[:size]
    numeric = {feature.name for feature in watched.model.features if feature.kind is Kind.NUMERIC}
    read = []
    for number, part in enumerate(parts):
        if number % BREATHS == 0:
            breathe()
        read.append(unpacked(part.payload))
    lengths = np.array([len(part.hashes) // _DTYPE.itemsize for part in parts])
    ends = np.cumsum(lengths)
    owner = np.searchsorted(ends, chosen, side="right")
    place = chosen - (ends - lengths)[owner]
    secret = sensitive_names(watched)
    names = dict.fromkeys(name for picks in read for name in picks.columns if name not in secret)
    pairs = list(zip(owner.tolist(), place.tolist(), strict=True))
    cells = frozenset(name for name in names if all(_is_cells(picks, name) for picks in read))
    types = {name: kind for name in names if (kind := _type_of(read, name))}
    columns = {}
    for name in names:
        breathe()
        parse = name in numeric and name not in cells
        sources = [_source(picks, name, parse=parse) for picks in read]
        columns[name] = [sources[part][row] if sources[part] is not None else None for part, row in pairs]
        if name not in types:
            columns[name] = [_plain(value) if isinstance(value, Decimal) else value for value in columns[name]]
    return Sample(lowest[:size], columns, cells, types)


def _plain(value: Decimal) -> int | float:
    """Give a decimal as numbers of other formats come, beside which it stands."""
    return int(value) if value == value.to_integral_value() else float(value)


def _is_cells(picks: Picks, name: str) -> bool:
    return name not in picks.columns or picks.text or name in picks.cells


def _type_of(read: Iterable[Picks], name: str) -> str | None:
    """Name the type of a column when all who have it agree."""
    named = {picks.types.get(name) for picks in read if name in picks.columns}
    return named.pop() if len(named) == 1 else None


def _source(picks: Picks, name: str, *, parse: bool) -> list[Any] | None:
    """Give a column of some rows; `parse` reads its numbers if they are cells beside values of other formats."""
    values = picks.columns.get(name)
    return read_cells(values) if parse and values is not None and _is_cells(picks, name) else values


def whole(sample: Sample, *, version: str, start_us: int) -> Part:
    """Write a joined sample as one part."""
    picks = Picks(text=False, columns=sample.columns, cells=sorted(sample.cells), types=dict(sample.types))
    payload = packed(picks)
    return Part(version, start_us, sample.hashes.astype(_DTYPE).tobytes(), payload)
