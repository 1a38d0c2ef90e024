"""Parquet files to columns."""

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from app.errors import TooLarge
from app.wire.arrow import check_schema, sound
from app.wire.faults import check_names, check_rows, clip, undecodable
from app.wire.footer import Group, groups_of
from app.wire.inflate import too_large
from app.wire.pages import NO_WIDTHS, check_pages, largest_page, too_many
from app.wire.table import Table
from app.wire.text import is_bytes

DOUBLE_BYTES: Final = 8
SHARE: Final = 8
"""Of the bytes that may be read at once, the part that makes a batch of its own."""
_FAULTS: Final = (pa.ArrowException, OSError, ValueError, OverflowError, RuntimeError)
_TEXTS: Final = frozenset({"BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"})


def open_parquet(source: Any) -> pq.ParquetFile:
    """Open a file; nothing but its footer is read."""
    file = pq.ParquetFile(source)
    check_names(file.metadata.num_columns)
    check_schema(file.schema_arrow)
    return file


def coded(source: Any, file: pq.ParquetFile, deltas: Mapping[int, int]) -> pq.ParquetFile:
    """Open it again so that text stays dictionary-encoded, where it can: a long word repeated often is held once."""
    plain = {file.schema.column(leaf).path for leaf in deltas}
    words = [field.name for field in file.schema_arrow if _is_text(field.type) and field.name not in plain]
    return pq.ParquetFile(source, read_dictionary=words, metadata=file.metadata) if words else file


def _is_text(kind: pa.DataType) -> bool:
    return is_bytes(kind) and not pa.types.is_fixed_size_binary(kind)


def table_of_parquet(body: bytes, *, limit: int) -> Table:
    """Make a table of a whole file whose columns take at most `limit` bytes uncompressed."""
    try:
        source = pa.BufferReader(body)
        file = open_parquet(source)
        check_rows(file.metadata.num_rows)
        if too_many(file.metadata.num_columns * file.metadata.num_row_groups, body):
            raise TooLarge("body-too-large", "the Parquet file has too many groups of rows")
        groups = _groups(body, file)
        packed = sum(group.size for group in groups)
        if max(packed, file.metadata.num_rows * file.metadata.num_columns * DOUBLE_BYTES) > limit:
            raise too_large(limit)
        deltas = check_pages(body, [group.chunks for group in groups], limit=limit, widths=_written_out(file))
        table = _read(coded(source, file, deltas), deltas, limit=limit)
        columns = {name: sound(table.column(n)) for n, name in enumerate(table.schema.names)}
    except _FAULTS as error:
        raise undecodable(f"the Parquet file cannot be read: {clip(str(error))}") from None
    return Table(rows=table.num_rows, columns=columns, received=table.num_rows)


def _read(file: pq.ParquetFile, deltas: Mapping[int, int], *, limit: int) -> pa.Table:
    """Read all rows; where values may be longer than what is stored of them, a few at a time."""
    step = _step(file, deltas, limit=limit)
    if step is None:
        return file.read(use_threads=False)
    held, batches = 0, []
    for batch in file.iter_batches(batch_size=step, use_threads=False):
        held += batch.nbytes
        if held > limit:
            raise too_large(limit)
        batches.append(batch)
    return pa.Table.from_batches(batches, file.schema_arrow if not batches else batches[0].schema)


def _step(file: pq.ParquetFile, deltas: Mapping[int, int], *, limit: int) -> int | None:
    """Choose how many rows may be read at once; None when all may."""
    longest = sum(deltas.values())
    return max(1, min(limit // longest, file.metadata.num_rows)) if longest else None


def _groups(data: Any, file: pq.ParquetFile) -> list[Group]:
    return groups_of(data, columns=file.metadata.num_columns, groups=file.metadata.num_row_groups)


def _written_out(file: pq.ParquetFile) -> dict[int, int]:
    """Find the leaves of text and bytes whose dictionary does not stay one: those inside lists and structs.

    Each with the bytes of a value: any number, which is 0, but of decimals, halves and other values of one width.
    """
    schema = file.schema
    leaves = {leaf: schema.column(leaf) for leaf in range(len(schema.names))}
    return {
        leaf: one.length if one.physical_type == "FIXED_LEN_BYTE_ARRAY" else 0
        for leaf, one in leaves.items()
        if one.physical_type in _TEXTS and (one.path != one.name or one.physical_type != "BYTE_ARRAY")
    }


def check_largest_page(path: Path, file: pq.ParquetFile, *, limit: int) -> dict[int, int]:
    """Refuse a file, read page by page, of which one page takes more than `limit` bytes; gives its deltas."""
    if not path.stat().st_size:
        return {}
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        largest, deltas = largest_page(data, [group.chunks for group in _groups(data, file)])
    if largest > limit:
        raise TooLarge("body-too-large", f"a page of the Parquet file takes more than {limit} bytes")
    return deltas


def batches_of(
    file: pq.ParquetFile, *, rows: int, deltas: Mapping[int, int] = NO_WIDTHS, limit: int = 0
) -> Iterator[pa.RecordBatch]:
    """Read a file in batches of rows, fewer at a time where values may be longer than what is stored of them."""
    step = _step(file, deltas, limit=limit)
    try:
        if step is None or step >= rows:
            yield from file.iter_batches(batch_size=rows, use_threads=False)
        else:
            yield from _joined(file.iter_batches(batch_size=step, use_threads=False), rows=rows, limit=limit)
    except _FAULTS as error:
        raise undecodable(f"the Parquet file cannot be read: {clip(str(error))}") from None


def _joined(batches: Iterator[pa.RecordBatch], *, rows: int, limit: int) -> Iterator[pa.RecordBatch]:
    """Join small batches to larger ones of at most so many rows, or few that take much."""
    few: list[pa.RecordBatch] = []
    count = size = 0
    for batch in batches:
        few.append(batch)
        count += batch.num_rows
        size += batch.nbytes
        if count >= rows or size > limit // SHARE:
            yield _one(few)
            few, count, size = [], 0, 0
    if few:
        yield _one(few)


def _one(few: list[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.Table.from_batches(few).unify_dictionaries().combine_chunks().to_batches()[0]
