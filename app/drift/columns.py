"""One column of decoded rows, ready to be binned."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

VALUE: Final = 0
NULL: Final = 1
INVALID: Final = 2

NULL_CODE: Final = -1
INVALID_CODE: Final = -2


class Kind(StrEnum):
    """How a feature's values are compared."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"


class Role(StrEnum):
    """What a feature is to its model."""

    FEATURE = "feature"
    PREDICTION = "prediction"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True)
class NumericColumn:
    """Doubles of shape (rows,) and, where some are missing, their state of the same shape."""

    values: NDArray[np.float64]
    state: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: NDArray[np.int64]) -> "NumericColumn":
        """Give the column of the chosen rows."""
        return NumericColumn(self.values[rows], None if self.state is None else self.state[rows])


@dataclass(frozen=True, slots=True)
class CategoricalColumn:
    """Codes of shape (rows,) into distinct categories; negative codes are NULL_CODE and INVALID_CODE."""

    codes: NDArray[np.int32]
    categories: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: NDArray[np.int64]) -> "CategoricalColumn":
        """Give the column of the chosen rows."""
        return CategoricalColumn(self.codes[rows], self.categories)


Column = NumericColumn | CategoricalColumn


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Numeric columns without a missing value, side by side: doubles of shape (columns, rows), found by name."""

    places: Mapping[str, int]
    values: NDArray[np.float64]

    def take(self, rows: NDArray[np.int64]) -> "Block":
        """Give the block of the chosen rows."""
        return Block(self.places, self.values[:, rows])

    def column(self, name: str) -> NumericColumn | None:
        """Give one column; None when it is not in the block."""
        place = self.places.get(name)
        return None if place is None else NumericColumn(self.values[place])
