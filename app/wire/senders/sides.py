"""How columns without names of their own get those of the model's features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.errors import BadRequest
from app.wire.faults import undecodable
from app.wire.senders.matrix import Matrix
from app.wire.table import RawColumn

Flat: TypeAlias = list[Any] | NDArray[Any] | pa.Array


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a call: the features that its unnamed columns are, in order, and all features of the model.

    The answering side may leave names out more freely: an output that nobody knows is ignored, not refused.
    """

    ordered: tuple[str, ...]
    known: frozenset[str]
    answer: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """Values of `rows` rows and `width` columns, row by row; `deep` when it came with a second dimension."""

    label: str | None
    values: Flat
    rows: int
    width: int = 1
    deep: bool = False

    def named(self, names: Sequence[str]) -> Mapping[str, RawColumn]:
        """Name the columns, in order."""
        if isinstance(self.values, np.ndarray):
            return Matrix(names, np.ascontiguousarray(self.values.reshape(self.rows, self.width).T))
        return dict(zip(names, self.columns(), strict=True))

    def columns(self) -> list[RawColumn]:
        """Give the values column by column."""
        values, width = self.values, self.width
        if isinstance(values, np.ndarray):
            turned = np.ascontiguousarray(values.reshape(self.rows, width).T)
            return [pa.array(column) for column in turned]
        if width == 1:
            return [values]
        if isinstance(values, list):
            return [values[n::width] for n in range(width)]
        return [values.take(pa.array(np.arange(n, len(values), width))) for n in range(width)]

    def column(self) -> RawColumn:
        """Give the one value of each row; several are no value of a feature."""
        return self.columns()[0] if self.width == 1 else invalid(self.rows)


@dataclass(frozen=True, slots=True)
class Answer:
    """Columns that belong to the rows of another body."""

    rows: int
    columns: Mapping[str, RawColumn]


def named(parts: Sequence[Part], side: Side) -> Mapping[str, RawColumn]:
    """Name the columns of parts; BadRequest `schema-width` when the unnamed are not as many as the features left."""
    columns: dict[str, Part] = {}
    strangers: list[Part] = []
    for part in parts:
        if part.label is not None and part.label in side.known:
            columns[part.label] = part
        else:
            strangers.append(part)
    left = [name for name in side.ordered if name not in columns]
    alone = len(strangers if side.answer else parts) == 1
    unnamed = [part for part in strangers if _unnamed(part, side, alone=alone, left=len(left))]
    values = None if strangers else beside(list(columns.values()))
    if values is not None:
        return Matrix(list(columns), values)
    found = {name: part.column() for name, part in columns.items()}
    width = sum(part.width for part in unnamed)
    if unnamed and left and not found:
        check_width(width, len(left))
    fits = width == len(left)
    if fits and len(parts) == len(unnamed) == 1:
        return unnamed[0].named(left)
    if fits:
        found |= zip(left, (column for part in unnamed for column in part.columns()), strict=True)
    for part in strangers:
        if part.label is not None and not (fits and any(part is one for one in unnamed)):
            found.setdefault(part.label, part.column())
    return found


def beside(parts: Sequence[Part]) -> NDArray[Any] | None:
    """Give the values of parts, shape (parts, rows); None when they are not one value of the same type a row."""
    arrays = [part.values for part in parts if isinstance(part.values, np.ndarray) and part.width == 1]
    alike = arrays and len(arrays) == len(parts) and len({array.dtype for array in arrays}) == 1
    return np.stack(arrays) if alike else None


def _unnamed(part: Part, side: Side, *, alone: bool, left: int) -> bool:
    """Tell whether the columns of a part that bears no feature's name are named by their order."""
    if part.label is None:
        return True
    if side.answer:
        return alone and (part.width > 1 or len(side.ordered) == 1)
    return part.width > 1 or (alone and (part.deep or left == 1))


def check_width(width: int, wanted: int) -> None:
    """Refuse rows of more or fewer values than there are features."""
    if width != wanted:
        raise BadRequest(
            "schema-width",
            f"the rows hold {width} values without names, the model has {wanted} features for them",
            extra={"expected": wanted, "actual": width},
        )


def rows_of(parts: Sequence[Part]) -> int:
    """Give the number of rows, in which all parts agree."""
    counts = {part.rows for part in parts}
    if len(counts) > 1:
        raise undecodable("the tensors differ in their number of rows")
    return counts.pop() if counts else 0


def invalid(rows: int) -> RawColumn:
    """Give a column in which nothing is a value."""
    return pa.array([[]] * rows, pa.list_(pa.null()))
