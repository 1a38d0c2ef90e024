"""Doubles that are decimals of a few digits, as integers of half their size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Integers = NDArray[np.int32]
Mask = NDArray[np.bool_]

MOST_DIGITS: Final = 9
MOST_FAILURES: Final = 4
"""Times that a column is found to hold something else until it is no longer looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """Columns as integers of shape (columns, rows), by number, and what each is to be divided by."""

    columns: list[int]
    integers: Integers
    scales: list[float]

    def write(self, out: Doubles) -> None:
        """Write the doubles to the rows of `out` that have the numbers of the columns."""
        scales = np.array(self.scales)[:, None]
        if len(self.columns) == len(out):
            np.divide(self.integers, scales, out=out)
        else:
            out[self.columns] = self.integers / scales


class Decimals:
    """What is known of columns by name: the digits behind the point that were enough so far."""

    def __init__(self) -> None:
        """Know nothing; digits are found on the first rows."""
        self._digits: dict[str, int] = {}
        self._failures: dict[str, int] = {}

    def whole(self, names: Sequence[str], values: Doubles) -> Whole | None:
        """Find the columns, shape (columns, rows), that are exactly integers over a power of ten; None without any.

        A negative zero becomes a zero.
        """
        tried = [f for f, name in enumerate(names) if self._failures.get(name, 0) < MOST_FAILURES]
        if not tried:
            return None
        some = values if len(tried) == len(values) else values[tried]
        integers, exact = _scaled(some, 10.0 ** np.array([self._digits.get(names[f], 0) for f in tried])[:, None])
        for place in np.flatnonzero(~exact).tolist():
            found = self._longer(names[tried[place]], some[place : place + 1])
            if found is not None:
                integers[place], exact[place] = found, True
        if not exact.any():
            return None
        columns = [f for f, good in zip(tried, exact.tolist(), strict=True) if good]
        scales = [10.0 ** self._digits.get(names[f], 0) for f in columns]
        return Whole(columns, integers if exact.all() else integers[exact], scales)

    def _longer(self, name: str, values: Doubles) -> Integers | None:
        """Look for more digits behind the point of one column."""
        for digits in range(self._digits.get(name, 0) + 1, MOST_DIGITS + 1):
            integers, exact = _scaled(values, np.array([[10.0**digits]]))
            if exact[0]:
                self._digits[name] = digits
                one: Integers = integers[0]
                return one
        self._failures[name] = self._failures.get(name, 0) + 1
        return None


def _scaled(values: Doubles, scales: Doubles) -> tuple[Integers, Mask]:
    """Multiply, round, and see which columns come back to the last bit."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = values * scales
        integers = np.rint(scaled, out=scaled).astype(np.int32)
    np.divide(integers, scales, out=scaled)
    exact: Mask = np.logical_and.reduce(scaled == values, axis=1)
    return integers, exact
