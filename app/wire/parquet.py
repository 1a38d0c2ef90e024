"""Parquet files to columns."""

import mmap
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from app.errors import TooLarge
from app.wire.arrow import check_schema, sound
from app.wire.faults import check_names, check_rows, clip, undecodable
from app.wire.footer import Group, groups_of
from app.wire.inflate import too_large
from app.wire.pages import check_pages, largest_page, too_many
from app.wire.table import RawColumn, Table
from app.wire.wide import WIDE, WideColumns

DOUBLE_BYTES: Final = 8
SHARE: Final = 4
"""Of the bytes that a body may take, the part that is read at once where they are not known before."""
SHORT: Final = 64
"""Bytes of a value that need no care."""
_FAULTS: Final = (pa.ArrowException, OSError, ValueError, OverflowError, RuntimeError)
_TEXT: Final = "BYTE_ARRAY"
_FIXED: Final = "FIXED_LEN_BYTE_ARRAY"


def open_parquet(source: Any) -> pq.ParquetFile:
    """Open a file; nothing but its footer is read."""
    file = pq.ParquetFile(source)
    check_names(file.metadata.num_columns)
    check_schema(file.schema_arrow)
    return file


def coded(source: Any, file: pq.ParquetFile, deltas: Mapping[int, int]) -> pq.ParquetFile:
    """Open it again so that text stays dictionary-encoded, where it can: a long word repeated often is held once."""
    leaves = range(len(file.schema.names))
    words = [leaf for leaf in leaves if leaf not in deltas and file.schema.column(leaf).physical_type == _TEXT]
    return pq.ParquetFile(source, read_dictionary=words, metadata=file.metadata) if words else file


def table_of_parquet(body: bytes, *, limit: int, wanted: Callable[[], Collection[str]] = tuple) -> Table:
    """Make a table of a whole file whose columns take at most `limit` bytes uncompressed.

    Of very many columns only those `wanted` are read at once.
    """
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
        columns = _columns(coded(source, file, deltas), deltas, limit=limit, wanted=wanted)
    except _FAULTS as error:
        raise undecodable(f"the Parquet file cannot be read: {clip(str(error))}") from None
    return Table(rows=file.metadata.num_rows, columns=columns, received=file.metadata.num_rows)


def _columns(
    file: pq.ParquetFile, deltas: Mapping[int, int], *, limit: int, wanted: Callable[[], Collection[str]]
) -> Mapping[str, RawColumn]:
    names = file.schema_arrow.names
    if len(names) <= WIDE:
        table = _read(file, deltas, limit=limit)
        return {name: sound(table.column(n)) for n, name in enumerate(names)}

    def read(places: list[int]) -> list[Any]:
        chosen = [names[place] for place in places]
        table = _read(file, deltas, limit=limit, only=chosen)
        return [sound(table.column(name)) for name in chosen]

    return WideColumns(names, read, wanted=wanted())


def _read(file: pq.ParquetFile, deltas: Mapping[int, int], *, limit: int, only: list[str] | None = None) -> pa.Table:
    """Read all rows; where values may be longer than what is stored of them, a few at a time."""
    step = _step(file, deltas, limit=limit // SHARE)
    if step is None:
        parts = [file.read_row_groups(groups, use_threads=False, columns=only) for groups in _together(file)]
        return pa.concat_tables(parts) if parts else file.read(use_threads=False, columns=only)
    held, batches = 0, []
    for batch in _batches(file, step, only=only):
        held += batch.nbytes
        if held > limit:
            raise too_large(limit)
        batches.append(batch)
    return pa.Table.from_batches(batches, file.schema_arrow if not batches else batches[0].schema)


def _together(file: pq.ParquetFile) -> list[list[int]]:
    """List the groups of rows that can be read together: those of text in lists and structs have a dictionary each."""
    groups = list(range(file.metadata.num_row_groups))
    columns = map(file.schema.column, range(len(file.schema.names)))
    inside = any(one.physical_type == _TEXT and one.path != one.name for one in columns)
    return [[group] for group in groups] if inside else [groups]


def _batches(file: pq.ParquetFile, rows: int, *, only: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    for groups in _together(file):
        yield from file.iter_batches(batch_size=rows, row_groups=groups, use_threads=False, columns=only)


def _step(file: pq.ParquetFile, deltas: Mapping[int, int], *, limit: int) -> int | None:
    """Choose how many rows may be read at once, each with a value of most bytes; None when all may."""
    longest = sum(deltas.values()) + sum(width for width in _written_out(file).values() if width > SHORT)
    return max(1, min(limit // longest, file.metadata.num_rows)) if longest else None


def _groups(data: Any, file: pq.ParquetFile) -> list[Group]:
    return groups_of(data, columns=file.metadata.num_columns, groups=file.metadata.num_row_groups)


def _written_out(file: pq.ParquetFile) -> dict[int, int]:
    """Find the leaves whose values are written out, each with the bytes of one: of decimals, halves and other bytes.

    Text inside lists and structs, where a row may hold any number, can be of any length, which is 0.
    """
    schema = file.schema
    leaves = {leaf: schema.column(leaf) for leaf in range(len(schema.names))}
    return {
        leaf: one.length if one.physical_type == _FIXED else 0
        for leaf, one in leaves.items()
        if one.physical_type == _FIXED or (one.physical_type == _TEXT and one.path != one.name)
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


def batches_of(file: pq.ParquetFile, *, rows: int, deltas: Mapping[int, int], limit: int) -> Iterator[pa.RecordBatch]:
    """Read a file in batches of rows, fewer at a time where values may be longer than what is stored of them."""
    step = _step(file, deltas, limit=limit // SHARE)
    try:
        if (step is None or step >= rows) and len(_together(file)) == 1:
            yield from _batches(file, rows)
        else:
            yield from _joined(_batches(file, rows if step is None else min(step, rows)), rows=rows, limit=limit)
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
