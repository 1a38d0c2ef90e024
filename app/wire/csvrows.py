"""CSV with a header line; every cell stays text."""

import codecs
import csv
import io
from collections.abc import Callable
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


def open_reader(
    source: Any, width: int, *, block: int, ragged: Callable[[int], object]
) -> pyarrow.csv.CSVStreamingReader:
    """Read UTF-8 cells in blocks, telling the row number, from 0, of every line of another width."""
    names = [str(n) for n in range(width)]

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        ragged(row.number - NAMES_AND_FIRST)
        return "skip"

    return pyarrow.csv.open_csv(
        source,
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False, block_size=block, column_names=names, skip_rows_after_names=1
        ),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            check_utf8=False,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )


def table_of_cells(names: list[str], batches: list[pa.RecordBatch], *, ragged: list[int]) -> Table:
    """Make a table of cells; `ragged` are the numbers of the refused rows among them."""
    rows = sum(batch.num_rows for batch in batches)
    cells = [pa.chunked_array([batch.column(n) for batch in batches], pa.string()) for n in range(len(names))]
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
    ragged: list[int] = []
    text = repaired(body)
    ended = text if text.endswith((b"\n", b"\r")) else text + b"\n"
    try:
        reader = open_reader(pa.BufferReader(ended), len(names), block=len(ended) + 1, ragged=ragged.append)
        batches = list(reader)
    except pa.ArrowInvalid as error:
        raise undecodable(f"the CSV cannot be read: {clip(str(error))}") from None
    return table_of_cells(names, batches, ragged=ragged)
