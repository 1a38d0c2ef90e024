"""CSV with a header line; every cell stays text."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Collection, Mapping
from functools import cache, partial
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv

from app.errors import Refused
from app.wire.csvnumbers import NumberColumns
from app.wire.faults import RAGGED_LINE, check_names, clip, kept, listed, undecodable
from app.wire.names import check_name
from app.wire.table import RawColumn, Table
from app.wire.text import repaired
from app.wire.wide import WIDE, WideColumns

HEADER_BYTES: Final = 1 << 22
HEADER_LOOKS: Final = (1 << 14, HEADER_BYTES)
LOOKS: Final = 2
COLUMN: Final = re.compile(r"In CSV column #([0-9]+): ")

Octets = bytes | memoryview


def header(head: bytes) -> list[str]:
    """Read the first line that is not blank as lawful, distinct names."""
    names: list[str] = []
    for size in HEADER_LOOKS:
        text = head[:size].removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
        lines = io.StringIO(text, newline="")
        try:
            names = next((cells for cells in csv.reader(lines) if cells), [])
        except csv.Error as error:
            raise undecodable(f"the header of the CSV cannot be read: {clip(str(error))}") from None
        if lines.tell() < len(text):
            break
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


def begun(text: bytes) -> bytes:
    """Give a text from its header on: the reader would skip a blank line in its place."""
    return text.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")


def _open(  # noqa: PLR0913 - what a reader has to know
    text: Octets,
    width: int,
    *,
    headed: bool,
    ragged: list[int],
    doubles: Collection[int],
    only: list[int] | None = None,
) -> Any:
    """Read UTF-8 cells, noting the row number, from 0, of every line of another width.

    `doubles` are columns to be read as numbers; a cell that is none ends the reading. `only` are those to be read.
    """
    names = [str(n) for n in range(width)]
    chosen = names if only is None else [names[place] for place in only]
    types = {name: pa.float64() if int(name) in doubles else pa.string() for name in chosen}

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        ragged.append(row.number - 1 - headed)
        return "skip"

    return pyarrow.csv.open_csv(
        pa.BufferReader(text),
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False, block_size=len(text) + 1, column_names=names, skip_rows_after_names=int(headed)
        ),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=types,
            include_columns=None if only is None else chosen,
            check_utf8=False,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )


def _table_of_cells(names: list[str], batches: list[pa.RecordBatch], *, ragged: list[int]) -> Table:
    """Make a table of cells; `ragged` are the numbers of the refused rows among them."""
    rows = sum(batch.num_rows for batch in batches)
    cells = [pa.chunked_array([batch.column(n) for batch in batches], pa.string()) for n in range(len(names))]
    return _table(dict(zip(names, cells, strict=True)), rows, ragged=ragged)


def _table(columns: Mapping[str, RawColumn], rows: int, *, ragged: list[int]) -> Table:
    received = rows + len(ragged)
    return Table(
        rows=rows,
        columns=columns,
        received=received,
        numbers=kept(received, ragged),
        rejections=listed(ragged, RAGGED_LINE),
        text=True,
    )


def table_of_csv(body: bytes, *, numbers: Collection[str] = (), wanted: Callable[[], Collection[str]] = tuple) -> Table:
    """Make a table of a whole CSV body; columns named in `numbers` are read as such where all of their cells are.

    Of very many columns only those `wanted` are read at once.
    """
    names = header(body)
    text = begun(repaired(body))
    ended = text if text.endswith((b"\n", b"\r")) else text + b"\n"
    if len(names) > WIDE:
        return table_of_wide_lines(ended, names, headed=True, wanted=wanted())
    doubles = {place for place, name in enumerate(names) if name in numbers}
    return table_of_lines(ended, names, doubles=doubles, headed=True)


def table_of_lines(text: Octets, names: list[str], *, doubles: set[int], headed: bool) -> Table:
    """Make a table of whole lines, the first of them the header or not.

    Columns at the places in `doubles` are read as numbers; one that holds something else is taken out of them.
    """
    width = len(names)
    if width > WIDE:
        return table_of_wide_lines(text, names, headed=headed)
    for _ in range(LOOKS):
        tried = doubles.copy()
        if not tried:
            break
        batches, ragged, odd = _look(text, width, tried, headed=headed)
        if batches and not odd:
            columns = NumberColumns(batches[0], names, tried, again=cache(partial(_texts, text, width, headed=headed)))
            odd = columns.odd()
            if not odd:
                return _table(columns, batches[0].num_rows, ragged=ragged)
        doubles -= odd
    batches, ragged, _ = _look(text, width, set(), headed=headed)
    return _table_of_cells(names, batches, ragged=ragged)


def table_of_wide_lines(text: Octets, names: list[str], *, headed: bool, wanted: Collection[str] = ()) -> Table:
    """Make a table of whole lines with very many cells; they stay text, and most are not read."""
    refused: list[int] = []

    def read(places: list[int]) -> list[Any]:
        batches, refused[:], _ = _look(text, len(names), set(), headed=headed, only=places)
        return batches[0].columns if batches else [pa.array([], pa.string())] * len(places)

    columns = WideColumns(names, read, wanted=wanted)
    return _table(columns, columns.rows, ragged=refused)


def _look(
    text: Octets, width: int, doubles: set[int], *, headed: bool, only: list[int] | None = None
) -> tuple[list[pa.RecordBatch], list[int], set[int]]:
    """Read all rows; gives them, the refused ones, and a column of doubles that holds something else."""
    ragged: list[int] = []
    try:
        batches = list(_open(text, width, headed=headed, ragged=ragged, doubles=doubles, only=only))
    except pa.ArrowInvalid as error:
        odd = COLUMN.search(str(error))
        if odd is not None and int(odd[1]) in doubles:
            return [], [], {int(odd[1])}
        raise undecodable(f"the CSV cannot be read: {clip(str(error))}") from None
    return batches, ragged, set()


def _texts(text: Octets, width: int, *, headed: bool) -> pa.RecordBatch:
    return _look(text, width, set(), headed=headed)[0][0]
