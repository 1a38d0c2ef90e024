"""Arrow IPC streams and files to columns."""

import struct
from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from app.errors import Refused, TooLarge
from app.wire.batches import BatchColumns
from app.wire.faults import check_cells, check_names, check_rows, clip, undecodable
from app.wire.flat import MAX_VIEWED, joined
from app.wire.meant import check_meant
from app.wire.packed import decompressed_size, dictionary_of
from app.wire.plain import plain_columns
from app.wire.table import Table

STREAM_MAGIC: Final = b"\xff\xff\xff\xff"
FILE_MAGIC: Final = b"ARROW1"
FILE_START: Final = 8
COPIES: Final = 3
"""How much of a growing dictionary may be copied, in the bytes that a body may hold: each addition copies it all."""


def table_of_arrow(body: bytes, *, told: int | None, limit: int) -> Table:
    """Make a table of a stream or a file; a stream without its end is believed only with a row count."""
    plain = plain_stream(body, limit=limit)
    if plain is not None:
        return plain
    try:
        source = stream_of(body)
        check_stream(source, size=None if body.startswith(FILE_MAGIC) else len(body), told=told, limit=limit)
        source.seek(0)
        reader = pa.ipc.open_stream(source)
        batches = list(reader)
        check_cells(sum(batch.num_rows for batch in batches), len(reader.schema.names), limit=limit)
        return table_of_batches(reader.schema, batches, most=limit)
    except (pa.ArrowException, OSError, ValueError, OverflowError, struct.error, IndexError) as error:
        raise undecodable(f"the Arrow data cannot be read: {clip(str(error))}") from None


def plain_stream(body: bytes, *, limit: int) -> Table | None:
    """Make a table of a stream whose doubles are used where they lie; None of any other."""
    plain = plain_columns(body)
    if plain is None:
        return None
    check_cells(plain.rows, len(plain), limit=limit)
    return Table(rows=plain.rows, columns=plain, received=plain.rows)


def stream_of(body: bytes) -> pa.BufferReader:
    """Find the stream: a file is one between a magic word and a footer."""
    if not body.startswith(FILE_MAGIC):
        return pa.BufferReader(body)
    if not body.endswith(FILE_MAGIC):
        raise undecodable("the Arrow file is cut short")
    return pa.BufferReader(pa.py_buffer(body).slice(FILE_START))


def check_stream(source: Any, *, size: int | None, told: int | None, limit: int | None) -> None:
    """Refuse a stream that holds too much, goes on after its end, or has none and no rows counted.

    Without `size` nothing is known of what follows.
    """
    before, held, copied = 0, 0, 0
    dictionaries: dict[int, int] = {}
    for message in _messages(source):
        before = source.tell()
        own, dictionary = decompressed_size(message), dictionary_of(message)
        if dictionary is not None:
            number, adds = dictionary
            before_it = adds * dictionaries.get(number, 0)
            copied += before_it
            dictionaries[number] = before_it + own
        held += own
        if limit is not None and (held > limit or copied > COPIES * limit):
            raise TooLarge("body-too-large", f"the columns take more than {limit} bytes when decompressed")
    if before == size and told is None:
        raise undecodable("the Arrow stream has no end marker and no row count vouches for it")
    if size is not None and source.tell() != size:
        raise undecodable("there is something after the end of the Arrow stream")


def _messages(source: Any) -> Iterator[Any]:
    reader = pa.ipc.MessageReader.open_stream(source)
    try:
        while True:
            yield reader.read_next_message()
    except StopIteration:
        return


def table_of_batches(schema: pa.Schema, batches: list[pa.RecordBatch], *, most: int = MAX_VIEWED) -> Table:
    """Make a table of record batches that nobody has checked yet and that stand for at most so many bytes."""
    check_schema(schema)
    rows = sum(batch.num_rows for batch in batches)
    check_rows(rows)
    for batch in batches:
        batch.validate()
    if len(batches) == 1:
        check_meant(batches[0].columns, most=most)
        if _is_sound(batches[0]):
            return Table(rows=rows, columns=BatchColumns(batches[0], schema.names), received=rows)
    table = pa.Table.from_batches(batches, schema)
    columns = {name: sound(_shared(table.column(n), most=most)) for n, name in enumerate(schema.names)}
    return Table(rows=rows, columns=columns, received=rows)


def _shared(column: pa.ChunkedArray, *, most: int) -> pa.ChunkedArray:
    """Join what has one dictionary, which would be looked through for each batch."""
    if pa.types.is_dictionary(column.type):
        column = pa.chunked_array(list(joined(column.chunks)), column.type)
    check_meant(column.chunks, most=most)
    return column


def check_schema(schema: pa.Schema) -> None:
    """Refuse too many names, and a name that stands twice."""
    check_names(len(schema.names))
    names = schema.names
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Refused("repeated-name", f"the schema names {clip(ascii(twice))} twice")


def _is_sound(batch: pa.RecordBatch) -> bool:
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def sound(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Check offsets and indices; text that is no UTF-8, in structs too, becomes bytes, to be replaced cell by cell."""
    try:
        column.validate(full=True)
        return column
    except pa.ArrowInvalid:
        if pa.types.is_string(column.type):
            return _sound_bytes(column, pa.binary())
        if pa.types.is_large_string(column.type):
            return _sound_bytes(column, pa.large_binary())
        if pa.types.is_struct(column.type):
            column.validate()
            return _sound_fields(column)
        raise


def _sound_fields(column: pa.ChunkedArray) -> pa.ChunkedArray:
    names = [column.type.field(n).name for n in range(column.type.num_fields)]
    inside = [sound(pa.chunked_array([chunk.field(n) for chunk in column.chunks])).chunks for n in range(len(names))]
    chunks = [
        pa.StructArray.from_arrays([field[place] for field in inside], names=names, mask=chunk.is_null())
        for place, chunk in enumerate(column.chunks)
    ]
    return pa.chunked_array(chunks)


def _sound_bytes(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    column.validate()
    octets = column.cast(kind)
    octets.validate(full=True)
    return octets
