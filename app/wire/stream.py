"""Files of rows, larger than memory, as tables of some thousand rows each."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from app.errors import TooLarge, UnsupportedType
from app.wire.arriving import Arriving, complete
from app.wire.arrow import FILE_MAGIC, check_stream, table_of_batches
from app.wire.csvstream import CsvFile
from app.wire.decode import MAX_DECODED, Format, decode, format_of
from app.wire.faults import check_row_count, clip, undecodable
from app.wire.ndjson import table_of_lines
from app.wire.parquet import batches_of, check_largest_page, coded, open_parquet
from app.wire.sources import Plain, type_of_path, unpacked
from app.wire.table import START, Mark, Rejection, Table
from app.wire.telltale import is_table

HEAD_BYTES: Final = 1 << 20
LINES_BYTES: Final = 8 << 20
CELLS: Final = 4_000_000
MOST_ROWS: Final = 65_536
DOUBTFUL: Final = frozenset({None, Format.JSON, Format.NDJSON})
"""Formats that a file may only be called."""

Progress = Callable[[int], object]


def nothing(_: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class RowsFile:
    """A file of rows that can be read more than once, each time in tables of bounded size.

    The numbers of rows count on from table to table. `json_limit` bounds what must be read whole: one JSON
    value, one line. `row_count` is what the sender counted, `numbers` names columns that are better read as numbers. Of
    a file that is still `arriving` CSV and lines are read as they come, all else when it is whole. Reading may `begin`
    at the mark of a table, and then gives the tables that followed it.
    """

    path: Path
    content_type: str | None = None
    json_limit: int = MAX_DECODED
    row_count: int | None = None
    numbers: frozenset[str] = frozenset()
    arriving: Arriving = field(default_factory=complete)
    begin: Mark = START

    @property
    def size(self) -> int:
        """Bytes of the file as it lies."""
        return self.path.stat().st_size

    def format(self) -> Format:
        """Say what the file is, by its first bytes, its content type or its name."""
        declared = self.content_type or type_of_path(self.path)
        with Plain(self.path, arriving=self.arriving) as plain:
            head = plain.read(HEAD_BYTES)
        found = format_of(head, declared)
        if found in DOUBTFUL and is_table(head):
            return Format.CSV
        if found is None:
            shown = clip(ascii(declared))
            raise UnsupportedType("unsupported-media-type", f"neither {shown} nor the bytes tell a known row format")
        return found

    def __iter__(self) -> Iterator[Table]:
        return self.tables()

    def tables(self, progress: Progress = nothing) -> Iterator[Table]:
        """Read the rows; `progress` hears how many of its bytes are behind."""
        received = 0
        for table in self._tables(progress):
            moved = _moved(table, received)
            received += table.received
            yield moved
        if self.begin == START:
            check_row_count(received, self.row_count)
        progress(self.size)

    def _tables(self, progress: Progress) -> Iterator[Table]:
        match self.format():
            case Format.CSV:
                return self._csv(progress)
            case Format.NDJSON:
                return self._lines(progress)
            case Format.PARQUET:
                return self._parquet(progress)
            case Format.ARROW:
                return self._arrow(progress)
            case Format.JSON | Format.MSGPACK:
                return self._json()

    def _json(self) -> Iterator[Table]:
        with Plain(self.path, arriving=self.arriving) as plain:
            body = plain.read(self.json_limit + 1)
        if len(body) > self.json_limit:
            raise self._too_large("one JSON value")
        yield decode(body, self.content_type or type_of_path(self.path))

    def _lines(self, progress: Progress) -> Iterator[Table]:
        with Plain(self.path, arriving=self.arriving) as plain:
            rest = b""
            while block := plain.read(LINES_BYTES):
                lines, end, tail = block.rpartition(b"\n")
                if end:
                    yield table_of_lines(rest + lines)
                    progress(plain.consumed)
                rest = tail if end else rest + block
                if len(rest) > self.json_limit:
                    raise self._too_large("one line")
            if rest:
                yield table_of_lines(rest)

    def _csv(self, progress: Progress) -> Iterator[Table]:
        file = CsvFile(self.path, doubles=self.numbers, arriving=self.arriving, begin=self.begin)
        for table in file.tables():
            progress(file.consumed)
            yield table

    def _parquet(self, progress: Progress) -> Iterator[Table]:
        with unpacked(self.path, self.arriving) as path, _arrow_faults(), pa.memory_map(str(path)) as source:
            file = open_parquet(source)
            deltas = check_largest_page(path, file, limit=self.json_limit)
            file = coded(source, file, deltas)
            width, total, done = len(file.schema_arrow.names), max(file.metadata.num_rows, 1), 0
            for batch in batches_of(file, rows=rows_of(width), deltas=deltas, limit=self.json_limit):
                yield table_of_batches(batch.schema, [batch])
                done += batch.num_rows
                progress(self.size * done // total)

    def _arrow(self, progress: Progress) -> Iterator[Table]:
        with unpacked(self.path, self.arriving) as path, _arrow_faults(), pa.memory_map(str(path)) as source:
            for batch in _batches(source, told=self.row_count):
                step = rows_of(batch.num_columns)
                for start in range(0, batch.num_rows, step):
                    yield table_of_batches(batch.schema, [batch.slice(start, step)])
                progress(min(source.tell(), self.size))

    def _too_large(self, what: str) -> TooLarge:
        return TooLarge(
            "body-too-large",
            f"{what} is more than {self.json_limit} bytes; larger files come as NDJSON, CSV or Parquet",
        )


def rows_of(columns: int) -> int:
    """Choose how many rows make one table."""
    return max(1, min(MOST_ROWS, CELLS // max(columns, 1)))


@contextmanager
def _arrow_faults() -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise undecodable(f"the file cannot be read: {clip(str(error))}") from None


def _batches(source: Any, *, told: int | None) -> Iterator[pa.RecordBatch]:
    if source.read(len(FILE_MAGIC)) == FILE_MAGIC:
        reader = pa.ipc.open_file(source)
        for n in range(reader.num_record_batches):
            yield reader.get_batch(n)
        return
    source.seek(0)
    check_stream(source, size=source.size(), told=told, limit=None)
    source.seek(0)
    yield from pa.ipc.open_stream(source)


def _moved(table: Table, by: int) -> Table:
    """Count the rows of a table from a later start."""
    if by == 0:
        return table
    own = np.arange(table.rows, dtype=np.int64) if table.numbers is None else table.numbers
    rejections = tuple(Rejection(one.row + by, one.reason) for one in table.rejections)
    return replace(table, numbers=own + by, rejections=rejections)
