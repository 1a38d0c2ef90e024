"""Arrow streams of one record batch, whose doubles are used where they lie in the body.

Tables of the messages are read as in `packed`; whatever is not as plain as can be is left to pyarrow.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.drift.columns import Block
from app.wire.batches import BatchColumns
from app.wire.faults import MAX_NAMES
from app.wire.packed import BUFFER_BYTES, RECORD_BATCH, field_of, table_at
from app.wire.table import RawColumn

MARK: Final = b"\xff\xff\xff\xff"
END: Final = MARK + bytes(4)
SCHEMA: Final = 1
LARGEST_SCHEMA: Final = 1 << 18
_SCHEMAS: Final = 16
_HEAD: Final = struct.Struct("<4si")
_LONG: Final = struct.Struct("<q")
_DOUBLE: Final = 8
_FEW: Final = 8


@dataclass(frozen=True, slots=True)
class _Schema:
    """The columns of a stream: `numbers` numbers all, `places` the doubles, whose first buffers are `firsts`.

    `others` are the numbers of the other columns; there are so many `columns` and `buffers` together.
    """

    numbers: dict[str, int]
    kinds: list[int]
    places: dict[str, int]
    others: list[int]
    doubles: NDArray[np.intp]
    firsts: NDArray[np.intp]
    columns: int
    buffers: int


class PlainColumns(BatchColumns):
    """Columns of doubles, shape (columns, rows), that are a batch only for those who ask for one."""

    def __init__(self, places: dict[str, int], values: NDArray[np.float64]) -> None:
        """Keep the values of each name's place."""
        self.names = list(places)
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


class MixedColumns(PlainColumns):
    """Columns of doubles among a few others, which are those of a batch of their own."""

    def __init__(self, schema: _Schema, values: NDArray[np.float64], others: Any) -> None:
        """Keep the doubles by their places among themselves, and the others by name."""
        super().__init__(schema.numbers, values)
        self._schema = schema
        self._others = others

    def __getitem__(self, name: str) -> RawColumn:
        """Give one column."""
        place = self._schema.places.get(name)
        return self._others.column(name) if place is None else pa.array(self._values[place])

    @cached_property
    def _batch(self) -> Any:
        return pa.RecordBatch.from_arrays([self[name] for name in self._places], names=list(self._places))

    @cached_property
    def kinds(self) -> list[int]:
        """The id of each column's type."""
        return self._schema.kinds

    def taken(self, names: Sequence[str], rows: NDArray[np.int64]) -> Any:
        """Give some rows of some columns as a batch of their own."""
        if any(name in self._schema.places for name in names):
            return super().taken(names, rows)
        return self._others.select(list(names)).take(pa.array(rows))

    @cached_property
    def block(self) -> Block:
        """The doubles."""
        return Block(self._schema.places, self._values)


def plain_columns(body: bytes) -> PlainColumns | None:
    """Read a stream of one batch, not compressed, whose doubles have no nulls and lie evenly; None for any other."""
    try:
        return _columns(body)
    except (struct.error, IndexError, ValueError, OverflowError, OSError, pa.ArrowException):
        return None


def _columns(body: bytes) -> PlainColumns | None:
    told, start = _message(body, 0)
    schema = _schema(told) if 0 < len(told) <= LARGEST_SCHEMA else None
    if schema is None:
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
    first = _first(schema, _pairs(message, nodes), _pairs(message, buffers), rows=rows)
    if first is None or body[end:] != END or not 0 <= end <= len(body):
        return None
    offset, stride = first
    width = len(schema.places)
    if (start + offset) % _DOUBLE or offset + (width - 1) * stride + _DOUBLE * rows > end - start:
        return None
    values = np.ndarray((width, rows), "<f8", body, offset=start + offset, strides=(stride, _DOUBLE))
    return MixedColumns(schema, values, _others(schema, body)) if schema.others else PlainColumns(schema.places, values)


def _others(schema: _Schema, body: bytes) -> Any:
    """Read what is no double."""
    options = pa.ipc.IpcReadOptions(included_fields=schema.others, use_threads=False)
    batch = pa.ipc.open_stream(pa.py_buffer(body), options=options).read_next_batch()
    batch.validate(full=True)
    return batch


def _message(body: bytes, start: int) -> tuple[bytes, int]:
    """Give the metadata of the message that begins there, empty when none does, and where they end."""
    mark, size = _HEAD.unpack_from(body, start)
    first = start + _HEAD.size
    return (body[first : first + size], first + size) if mark == MARK and size > 0 else (b"", first)


@lru_cache(_SCHEMAS)
def _schema(schema: bytes) -> _Schema | None:
    """Find the doubles of a schema; None when there are few, or a column whose buffers we cannot count."""
    root = table_at(schema, 0)
    kind, header = field_of(schema, root, 1), field_of(schema, root, 2)
    if not kind or not header or schema[kind] != SCHEMA:
        return None
    order = field_of(schema, table_at(schema, header), 0)
    if order and schema[order : order + 2] != bytes(2):
        return None
    read = pa.ipc.read_schema(pa.py_buffer(_HEAD.pack(MARK, len(schema)) + schema))
    held = [_buffers(one) for one in read.types]
    doubles = [n for n, one in enumerate(read.types) if pa.types.is_float64(one)]
    others = [n for n, one in enumerate(read.types) if not pa.types.is_float64(one)]
    lawful = len(set(read.names)) == len(read.names) <= MAX_NAMES
    if not (doubles and all(held) and lawful and len(others) * _FEW <= len(doubles)):
        return None
    firsts = np.cumsum([0, *held])
    numbers = {name: place for place, name in enumerate(read.names)}
    places = {read.names[n]: place for place, n in enumerate(doubles)}
    kinds = [one.id for one in read.types]
    return _Schema(numbers, kinds, places, others, np.array(doubles), firsts[doubles], len(held), int(firsts[-1]))


def _buffers(kind: Any) -> int:
    """Count the buffers of a column; 0 for the kinds that are not simple."""
    if pa.types.is_primitive(kind) or pa.types.is_decimal(kind):
        return 2
    simple = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return 3 if simple or pa.types.is_binary(kind) or pa.types.is_large_binary(kind) else 0


def _pairs(message: bytes, vector: int) -> NDArray[np.int64]:
    """Read a vector of pairs of 64 bits each."""
    start = table_at(message, vector)
    (count,) = struct.unpack_from("<I", message, start)
    if count * BUFFER_BYTES > len(message):
        raise ValueError("a vector is longer than its message")
    return np.frombuffer(message, "<i8", count=2 * count, offset=start + 4).reshape(-1, 2)


def _first(
    schema: _Schema, nodes: NDArray[np.int64], buffers: NDArray[np.int64], *, rows: int
) -> tuple[int, int] | None:
    """Give the offset of the first doubles and the distance from each to the next; None when they do not lie so."""
    if len(nodes) != schema.columns or len(buffers) != schema.buffers or rows <= 0:
        return None
    if (nodes[schema.doubles] != (rows, 0)).any() or buffers[schema.firsts, 1].any():
        return None
    offsets, lengths = buffers[schema.firsts + 1].T
    stride = int(offsets[1]) - int(offsets[0]) if len(offsets) > 1 else _DOUBLE * rows
    if (np.diff(offsets) != stride).any() or stride < _DOUBLE * rows or stride % _DOUBLE:
        return None
    return (int(offsets[0]), stride) if offsets[0] >= 0 and lengths.min() >= _DOUBLE * rows else None
