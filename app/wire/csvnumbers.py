"""CSV columns that were read as numbers; their text is read again when somebody asks for it."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from app.drift.columns import Block
from app.wire.batches import BatchColumns
from app.wire.cells import Cells
from app.wire.table import RawColumn
from app.wire.values import numeric


class NumberColumns(Mapping[str, RawColumn]):
    """Columns of one batch of cells, some of them doubles."""

    def __init__(self, batch: Any, names: list[str], doubles: set[int], *, again: Callable[[], Any]) -> None:
        """Keep a batch whose columns at the places in `doubles` are such; `again` reads all cells as text."""
        self._columns = BatchColumns(batch, names)
        self._names = names
        self._doubles = {names[place]: place for place in doubles}
        self._again = again

    def __getitem__(self, name: str) -> RawColumn:
        """Give one column."""
        if name not in self._doubles:
            return self._columns[name]
        read = numeric(self._columns[name])
        nulls = None if read.state is None else read.state.astype(np.bool_)
        return Cells(read.values, partial(self._text, self._doubles[name]), nulls=nulls)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    @property
    def block(self) -> Block | None:
        """The columns that are numbers in every row."""
        return self._columns.block

    def odd(self) -> set[int]:
        """Find columns that hold NaN, which other words than NaN may have become; a sum of both infinities looks so."""
        block = self.block
        held = {} if block is None else block.places
        with np.errstate(over="ignore", invalid="ignore"):
            sums = np.zeros(0) if block is None else block.values.sum(axis=1)
            return {
                place
                for name, place in self._doubles.items()
                if np.isnan(sums[held[name]] if name in held else numeric(self._columns[name]).values.sum())
            }

    def _text(self, place: int) -> list[Any]:
        cells: list[Any] = self._again().column(place).to_pylist()
        return cells
