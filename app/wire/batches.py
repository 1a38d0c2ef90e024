"""The columns of one Arrow record batch, of which those that hold plain numbers are read all at once."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.drift.columns import Block
from app.wire.excerpt import excerpt
from app.wire.flat import is_plain
from app.wire.table import RawColumn

NAMES: Final = {
    kind.id: str(kind)
    for kind in (
        pa.float64(),
        pa.float32(),
        pa.int64(),
        pa.int32(),
        pa.int16(),
        pa.int8(),
        pa.uint64(),
        pa.uint32(),
        pa.uint16(),
        pa.uint8(),
    )
}
"""What Arrow calls the types of plain numbers."""
WIDE: Final = (str(pa.float64()), str(pa.int64()))
PLAIN: Final = tuple(NAMES)
LARGEST_BLOCK: Final = 16 << 20
"""Bytes of a batch up to which its numbers are copied to lie side by side; beyond, columns are long enough."""
INTEGERS: Final = frozenset(PLAIN[2:])


class BatchColumns(Mapping[str, RawColumn]):
    """Columns of a batch that somebody has validated, each made when it is asked for."""

    def __init__(self, batch: Any, names: list[str]) -> None:
        """Keep the batch; its names are distinct."""
        self.names = names
        self._batch = batch
        self._places = dict(zip(names, range(len(names)), strict=True))

    def __getitem__(self, name: str) -> RawColumn:
        """Give one column."""
        place = self._places[name]
        return self._batch.column(place)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    @cached_property
    def kinds(self) -> list[int]:
        """The id of each column's type."""
        return [kind.id for kind in self._batch.schema.types]

    def taken(self, names: Sequence[str], rows: NDArray[np.int64]) -> Any:
        """Give some rows of some columns as a batch of their own."""
        some = self._batch.select([self._places[name] for name in names])
        if all(map(is_plain, some.schema.types)):
            return some.take(pa.array(rows))
        return pa.RecordBatch.from_arrays(excerpt(some.columns, rows), names=list(names))

    @cached_property
    def block(self) -> Block | None:
        """The columns of numbers without a null; numbers of any kind become doubles as Arrow and numpy both cast."""
        kinds = self.kinds if self._batch.num_rows and self._batch.nbytes <= LARGEST_BLOCK else []
        alike = [[n for n, kind in enumerate(kinds) if kind == plain] for plain in PLAIN if plain in kinds]
        parts = [part for part in (self._part(places) for places in alike) if part is not None]
        if not parts:
            return None
        names = list(self._places)
        order = {names[place]: n for n, place in enumerate(place for places, _ in parts for place in places)}
        with np.errstate(invalid="ignore"):  # a signalling NaN becomes a quiet one
            values = [np.ascontiguousarray(numbers, np.float64) for _, numbers in parts]
        return Block(order, values[0] if len(values) == 1 else np.concatenate(values))

    def _part(self, places: list[int]) -> tuple[list[int], Any] | None:
        """Read columns of one type as shape (columns, rows), without those that hold a null."""
        every = len(places) == len(self._places)
        some = self._batch if every else self._batch.select(places)
        try:
            return places, some.to_tensor(row_major=False).to_numpy().T
        except pa.ArrowException:
            places = [place for place in places if not self._batch.column(place).null_count]
        return (places, self._batch.select(places).to_tensor(row_major=False).to_numpy().T) if places else None
