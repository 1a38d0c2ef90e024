"""Parquet files to columns."""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from app.errors import TooLarge
from app.wire.arrow import check_schema, sound
from app.wire.faults import check_names, check_rows, clip, undecodable
from app.wire.footer import Group, groups_of
from app.wire.pages import check_pages, largest_page, too_many
from app.wire.table import Table

DOUBLE_BYTES: Final = 8
_FAULTS: Final = (pa.ArrowException, OSError, ValueError, OverflowError, RuntimeError)
_TEXTS: Final = frozenset({"BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"})


def open_parquet(source: Any) -> pq.ParquetFile:
    """Open a file; text stays dictionary-encoded, so that a long word repeated often is held once."""
    file = pq.ParquetFile(source)
    check_names(file.metadata.num_columns)
    schema = file.schema_arrow
    check_schema(schema)
    words = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_binary(field.type)]
    return pq.ParquetFile(source, read_dictionary=words, metadata=file.metadata) if words else file


def table_of_parquet(body: bytes, *, limit: int) -> Table:
    """Make a table of a whole file whose columns take at most `limit` bytes uncompressed."""
    try:
        file = open_parquet(pa.BufferReader(body))
        check_rows(file.metadata.num_rows)
        if too_many(file.metadata.num_columns * file.metadata.num_row_groups, body):
            raise TooLarge("body-too-large", "the Parquet file has too many groups of rows")
        groups = _groups(body, file)
        packed = sum(group.size for group in groups)
        if max(packed, file.metadata.num_rows * file.metadata.num_columns * DOUBLE_BYTES) > limit:
            raise TooLarge("body-too-large", f"the columns take more than {limit} bytes when decompressed")
        check_pages(body, [group.chunks for group in groups], limit=limit, plain=_written_out(file))
        table = file.read(use_threads=False)
        columns = {name: sound(table.column(n)) for n, name in enumerate(table.schema.names)}
    except _FAULTS as error:
        raise undecodable(f"the Parquet file cannot be read: {clip(str(error))}") from None
    return Table(rows=table.num_rows, columns=columns, received=table.num_rows)


def _groups(data: Any, file: pq.ParquetFile) -> list[Group]:
    return groups_of(data, columns=file.metadata.num_columns, groups=file.metadata.num_row_groups)


def _written_out(file: pq.ParquetFile) -> frozenset[int]:
    """Find the leaves of text and bytes whose dictionary does not stay one: those inside lists and structs."""
    schema = file.schema
    return frozenset(
        leaf
        for leaf in range(len(schema.names))
        if schema.column(leaf).physical_type in _TEXTS
        and (schema.column(leaf).path != schema.column(leaf).name or schema.column(leaf).physical_type != "BYTE_ARRAY")
    )


def check_largest_page(path: Path, file: pq.ParquetFile, *, limit: int) -> None:
    """Refuse a file, read page by page, of which one page takes more than `limit` bytes."""
    if not path.stat().st_size:
        return
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if largest_page(data, [group.chunks for group in _groups(data, file)]) > limit:
            raise TooLarge("body-too-large", f"a page of the Parquet file takes more than {limit} bytes")


def batches_of(file: pq.ParquetFile, *, rows: int) -> Iterator[pa.RecordBatch]:
    """Read a file in batches of rows."""
    try:
        yield from file.iter_batches(batch_size=rows, use_threads=False)
    except _FAULTS as error:
        raise undecodable(f"the Parquet file cannot be read: {clip(str(error))}") from None
