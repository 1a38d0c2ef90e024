"""The rows of one body as named raw columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.drift.columns import Block
from app.wire.cells import Cells

RawColumn: TypeAlias = list[Any] | Cells | pa.Array | pa.ChunkedArray

LISTED_REJECTIONS = 100


@dataclass(frozen=True, slots=True)
class Rejection:
    """One refused row: its number in the body, from 0, and a stable reason."""

    row: int
    reason: str


class Mark(NamedTuple):
    """Where in its file the rows after a table begin, and how far the file had been read by then, in bytes."""

    end: int
    read: int


START: Final = Mark(0, 0)


@dataclass(frozen=True, slots=True)
class Table:
    """Raw columns of equal length, beside the rows that could not be read.

    `numbers` holds each kept row's number in the body; None when nothing was rejected. `text` says that cells
    are CSV text, in which `true` and `false` are booleans. Where the file can be read on after it, `mark` says from
    where.
    """

    rows: int
    columns: Mapping[str, RawColumn]
    received: int
    numbers: NDArray[np.int64] | None = None
    rejections: tuple[Rejection, ...] = field(default=())
    text: bool = False
    mark: Mark | None = None

    @property
    def block(self) -> Block | None:
        """The columns of plain numbers side by side, where the format gives them so; `columns` has them too."""
        block: Block | None = getattr(self.columns, "block", None)
        return block
