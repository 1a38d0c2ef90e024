"""The columns of one tensor."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.drift.columns import Block
from app.wire.table import RawColumn

NUMBERS: Final = "fiu"


class Matrix(Mapping[str, RawColumn]):
    """Columns of values of one type that lie side by side, each made when it is asked for."""

    def __init__(self, names: Sequence[str], values: NDArray[Any]) -> None:
        """Name the rows of an array of shape (columns, rows)."""
        self._places = {name: place for place, name in enumerate(names)}
        self._values = values

    def __getitem__(self, name: str) -> RawColumn:
        """Give one column."""
        return pa.array(self._values[self._places[name]])

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def block(self) -> Block | None:
        """The columns, if they hold numbers."""
        if self._values.dtype.kind not in NUMBERS:
            return None
        with np.errstate(invalid="ignore"):  # a signalling NaN becomes a quiet one
            return Block(self._places, np.ascontiguousarray(self._values, np.float64))
