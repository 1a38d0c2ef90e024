"""Arrow streams of doubles alone, whose one record batch is used where it lies in the body.

Tables of the messages are read as in `packed`; whatever is not as plain as can be is left to pyarrow.
"""

import struct
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.drift.columns import Block
from app.wire.batches import BatchColumns
from app.wire.faults import MAX_NAMES
from app.wire.packed import BUFFER_BYTES, RECORD_BATCH, field_of, table_at

MARK: Final = b"\xff\xff\xff\xff"
END: Final = MARK + bytes(4)
SCHEMA: Final = 1
LARGEST_SCHEMA: Final = 1 << 18
_SCHEMAS: Final = 16
_HEAD: Final = struct.Struct("<4si")
_LONG: Final = struct.Struct("<q")
_DOUBLE: Final = 8


class PlainColumns(BatchColumns):
    """Columns of doubles, shape (columns, rows), that are a batch only for those who ask for one."""

    def __init__(self, places: dict[str, int], values: NDArray[np.float64]) -> None:
        """Keep the values of each name's place."""
        self._places = places
        self._values = values

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self._values.shape[1])

    @cached_property
    def _batch(self) -> Any:
        return pa.RecordBatch.from_arrays([pa.array(column) for column in self._values], names=list(self._places))

    @cached_property
    def kinds(self) -> list[int]:
        """The id of each column's type."""
        return [pa.float64().id] * len(self._places)

    @cached_property
    def block(self) -> Block:
        """All columns."""
        return Block(self._places, self._values)


def plain_columns(body: bytes) -> PlainColumns | None:
    """Read a stream of one batch of doubles without nulls and compression; None when it is not plainly that."""
    try:
        return _columns(body)
    except (struct.error, IndexError, ValueError, OverflowError, OSError, pa.ArrowException):
        return None


def _columns(body: bytes) -> PlainColumns | None:
    schema, start = _message(body, 0)
    places = _places(schema) if 0 < len(schema) <= LARGEST_SCHEMA else None
    if not places:
        return None
    message, start = _message(body, start)
    root = table_at(message, 0)
    kind, header, length = (field_of(message, root, number) for number in (1, 2, 3))
    if not (kind and header and length) or message[kind] != RECORD_BATCH:
        return None
    batch = table_at(message, header)
    counted, nodes, buffers, *others = (field_of(message, batch, number) for number in range(5))
    if not (counted and nodes and buffers) or any(others):
        return None
    rows, end = _LONG.unpack_from(message, counted)[0], start + _LONG.unpack_from(message, length)[0]
    first = _first(_pairs(message, nodes), _pairs(message, buffers), columns=len(places), rows=rows)
    if first is None or body[end:] != END or not 0 <= end <= len(body):
        return None
    offset, stride = first
    if (start + offset) % _DOUBLE or offset + (len(places) - 1) * stride + _DOUBLE * rows > end - start:
        return None
    return PlainColumns(
        places, np.ndarray((len(places), rows), "<f8", body, offset=start + offset, strides=(stride, _DOUBLE))
    )


def _message(body: bytes, start: int) -> tuple[bytes, int]:
    """Give the metadata of the message that begins there, empty when none does, and where they end."""
    mark, size = _HEAD.unpack_from(body, start)
    first = start + _HEAD.size
    return (body[first : first + size], first + size) if mark == MARK and size > 0 else (b"", first)


@lru_cache(_SCHEMAS)
def _places(schema: bytes) -> dict[str, int] | None:
    """Number the columns of a schema of doubles; None for any other one."""
    root = table_at(schema, 0)
    kind, header = field_of(schema, root, 1), field_of(schema, root, 2)
    if not kind or not header or schema[kind] != SCHEMA:
        return None
    order = field_of(schema, table_at(schema, header), 0)
    if order and schema[order : order + 2] != bytes(2):
        return None
    read = pa.ipc.read_schema(pa.py_buffer(_HEAD.pack(MARK, len(schema)) + schema))
    names = read.names
    lawful = len(set(names)) == len(names) <= MAX_NAMES and all(pa.types.is_float64(kind) for kind in read.types)
    return {name: place for place, name in enumerate(names)} if lawful else None


def _pairs(message: bytes, vector: int) -> NDArray[np.int64]:
    """Read a vector of pairs of 64 bits each."""
    start = table_at(message, vector)
    (count,) = struct.unpack_from("<I", message, start)
    if count * BUFFER_BYTES > len(message):
        raise ValueError("a vector is longer than its message")
    return np.frombuffer(message, "<i8", count=2 * count, offset=start + 4).reshape(-1, 2)


def _first(nodes: NDArray[np.int64], buffers: NDArray[np.int64], *, columns: int, rows: int) -> tuple[int, int] | None:
    """Give the offset of the first column and the distance from each to the next; None when they do not lie so."""
    if len(nodes) != columns or len(buffers) != 2 * columns or rows <= 0:
        return None
    if (nodes != (rows, 0)).any() or buffers[::2, 1].any():
        return None
    offsets, lengths = buffers[1::2].T
    stride = int(offsets[1] - offsets[0]) if columns > 1 else _DOUBLE * rows
    if (np.diff(offsets) != stride).any() or stride < _DOUBLE * rows or stride % _DOUBLE:
        return None
    return (int(offsets[0]), stride) if offsets[0] >= 0 and lengths.min() >= _DOUBLE * rows else None
