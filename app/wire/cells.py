"""JSON values of one column that can become doubles without a Python object for each."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


class Cells(Sequence[Any]):
    """A column of numbers, shape (rows,), whose values as the body wrote them are made when asked for.

    The doubles are what the values round to, 0 for null; an integer or a boolean among them shows in the values alone.
    `nulls` tells which are null, None when none is.
    """

    def __init__(
        self, doubles: Doubles, values: Callable[[], list[Any]], *, nulls: NDArray[np.bool_] | None = None
    ) -> None:
        self.doubles = doubles
        self.nulls = nulls
        self._values = values

    @cached_property
    def values(self) -> list[Any]:
        """The values as Python has them."""
        return self._values()

    @overload
    def __getitem__(self, place: int) -> Any: ...

    @overload
    def __getitem__(self, place: slice) -> list[Any]: ...

    def __getitem__(self, place: int | slice) -> Any:
        """Give one value, or a list of some."""
        return self.values[place]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.doubles)
