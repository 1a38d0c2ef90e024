"""Arrow IPC streams and files to columns."""

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from app.errors import Refused
from app.wire.faults import check_names, check_rows, clip, undecodable
from app.wire.table import Table

STREAM_MAGIC: Final = b"\xff\xff\xff\xff"
FILE_MAGIC: Final = b"ARROW1"


def table_of_arrow(body: bytes, *, told: int | None) -> Table:
    """Make a table of a stream or a file; a stream without its end is believed only with a row count."""
    try:
        if body.startswith(FILE_MAGIC):
            reader = pa.ipc.open_file(pa.BufferReader(body))
            batches = [reader.get_batch(n) for n in range(reader.num_record_batches)]
        else:
            check_end(pa.BufferReader(body), len(body), told=told)
            reader = pa.ipc.open_stream(pa.BufferReader(body))
            batches = list(reader)
        return table_of_batches(reader.schema, batches)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise undecodable(f"the Arrow data cannot be read: {clip(str(error))}") from None


def check_end(source: Any, size: int, *, told: int | None) -> None:
    """Refuse a stream with something after its end, and one without an end unless its rows were counted."""
    before = 0
    for _ in _messages(source):
        before = source.tell()
    if before == size and told is None:
        raise undecodable("the Arrow stream has no end marker and no row count vouches for it")
    if source.tell() != size:
        raise undecodable("there is something after the end of the Arrow stream")


def _messages(source: Any) -> Iterator[Any]:
    reader = pa.ipc.MessageReader.open_stream(source)
    try:
        while True:
            yield reader.read_next_message()
    except StopIteration:
        return


def table_of_batches(schema: pa.Schema, batches: list[pa.RecordBatch]) -> Table:
    """Make a table of record batches that nobody has checked yet."""
    check_schema(schema)
    rows = sum(batch.num_rows for batch in batches)
    check_rows(rows)
    table = pa.Table.from_batches(batches, schema)
    columns = {name: sound(table.column(n)) for n, name in enumerate(schema.names)}
    return Table(rows=rows, columns=columns, received=rows)


def check_schema(schema: pa.Schema) -> None:
    """Refuse too many names, and a name that stands twice."""
    check_names(len(schema.names))
    if len(set(schema.names)) != len(schema.names):
        twice = next(name for name in schema.names if schema.names.count(name) > 1)
        raise Refused("repeated-name", f"the schema names {clip(ascii(twice))} twice")


def sound(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Check offsets and indices; text that is no UTF-8 becomes bytes, to be replaced cell by cell."""
    try:
        column.validate(full=True)
        return column
    except pa.ArrowInvalid:
        if pa.types.is_string(column.type):
            return _sound_bytes(column, pa.binary())
        if pa.types.is_large_string(column.type):
            return _sound_bytes(column, pa.large_binary())
        raise


def _sound_bytes(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    column.validate()
    octets = column.cast(kind)
    octets.validate(full=True)
    return octets
