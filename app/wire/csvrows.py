"""CSV with a header line; every cell stays text."""

import codecs
import csv
import io
from collections.abc import Callable, Collection
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv

from app.errors import Refused
from app.wire.faults import RAGGED_LINE, check_names, clip, kept, listed, undecodable
from app.wire.names import check_name
from app.wire.table import Table
from app.wire.text import repaired

HEADER_BYTES: Final = 1 << 22
NAMES_AND_FIRST: Final = 2


def header(head: bytes) -> list[str]:
    """Read the first line that is not blank as lawful, distinct names."""
    text = head.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
    try:
        names = next((cells for cells in csv.reader(io.StringIO(text, newline="")) if cells), [])
    except csv.Error as error:
        raise undecodable(f"the header of the CSV cannot be read: {clip(str(error))}") from None
    if not names:
        raise undecodable("the CSV has no header line")
    check_names(len(names))
    repeated = len(set(names)) != len(names)
    for name in names:
        check_name(name, "column")
    if repeated:
        twice = next(name for n, name in enumerate(names) if name in names[:n])
        raise Refused("repeated-name", f"the CSV header names {clip(ascii(twice))} twice")
    return names


def open_reader(  # noqa: PLR0913 - the options of a reader
    source: Any,
    width: int,
    *,
    block: int,
    ragged: Callable[[int | None], object],
    doubles: Collection[int] = (),
    threads: bool = False,
) -> pyarrow.csv.CSVStreamingReader:
    """Read UTF-8 cells in blocks, telling the row number, from 0, of every line of another width.

    `doubles` are columns to be read as numbers; a cell that is none ends the reading. With `threads` the number of a
    row is not known.
    """
    names = [str(n) for n in range(width)]
    types = {name: pa.float64() if place in doubles else pa.string() for place, name in enumerate(names)}

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        ragged(None if row.number is None else row.number - NAMES_AND_FIRST)
        return "skip"

    return pyarrow.csv.open_csv(
        source,
        read_options=pyarrow.csv.ReadOptions(
            use_threads=threads, block_size=block, column_names=names, skip_rows_after_names=1
        ),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=types,
            check_utf8=False,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )


def table_of_cells(names: list[str], batches: list[pa.RecordBatch], *, ragged: list[int]) -> Table:
    """Make a table of cells; `ragged` are the numbers of the refused rows among them."""
    rows = sum(batch.num_rows for batch in batches)
    kinds = batches[0].schema.types if batches else [pa.string()] * len(names)
    cells = [pa.chunked_array([batch.column(n) for batch in batches], kind) for n, kind in enumerate(kinds)]
    received = rows + len(ragged)
    return Table(
        rows=rows,
        columns=dict(zip(names, cells, strict=True)),
        received=received,
        numbers=kept(received, ragged),
        rejections=listed(ragged, RAGGED_LINE),
        text=True,
    )


def table_of_csv(body: bytes) -> Table:
    """Make a table of a whole CSV body."""
    names = header(body[:HEADER_BYTES])
    ragged: list[int | None] = []
    text = repaired(body)
    ended = text if text.endswith((b"\n", b"\r")) else text + b"\n"
    try:
        reader = open_reader(pa.BufferReader(ended), len(names), block=len(ended) + 1, ragged=ragged.append)
        batches = list(reader)
    except pa.ArrowInvalid as error:
        raise undecodable(f"the CSV cannot be read: {clip(str(error))}") from None
    return table_of_cells(names, batches, ragged=[row for row in ragged if row is not None])
