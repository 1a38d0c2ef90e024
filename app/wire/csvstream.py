"""CSV files of any size, block by block."""

from bisect import insort
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa

from app.wire.csvrows import HEADER_BYTES, header, open_reader, table_of_cells
from app.wire.faults import clip, undecodable
from app.wire.sources import Plain
from app.wire.table import Table

BLOCK: Final = 8 << 20
LARGEST_BLOCK: Final = 128 << 20


class CsvFile:
    """One pass over a CSV file; a row longer than a block is read with larger blocks."""

    def __init__(self, path: Path, *, block: int = BLOCK) -> None:
        """Read the header and nothing else."""
        self._path = path
        self._block = block
        with Plain(path) as plain:
            self._names = header(plain.read(HEADER_BYTES))
        self._kept = 0
        self._position = 0
        self._ragged: list[int] = []
        self.consumed = 0

    def tables(self) -> Iterator[Table]:
        """Give the rows in order, numbered within their table; refused rows at the very end make one without rows."""
        block = self._block
        while True:
            try:
                yield from self._pass(block)
            except pa.ArrowInvalid as error:
                if "straddling" not in str(error) or block >= LARGEST_BLOCK:
                    raise undecodable(f"the CSV cannot be read: {clip(str(error))}") from None
                block *= 4
            else:
                break
        if self._ragged:
            yield table_of_cells(self._names, [], ragged=[row - self._position for row in self._ragged])

    def _pass(self, block: int) -> Iterator[Table]:
        """Read from the start, skipping the rows that were given before."""
        skip, self._ragged = self._kept, []
        with Plain(self._path, text=True) as plain:
            source = pa.PythonFile(plain, mode="r")
            for batch in open_reader(source, len(self._names), block=block, ragged=self._refuse):
                fresh = batch.slice(min(skip, batch.num_rows))
                skip -= batch.num_rows - fresh.num_rows
                self.consumed = plain.consumed
                if fresh.num_rows:
                    yield self._table(fresh)

    def _refuse(self, row: int) -> None:
        if row >= self._position:
            insort(self._ragged, row)

    def _table(self, batch: pa.RecordBatch) -> Table:
        """Take the refused rows that lie among these: the reader may know of later ones already."""
        end, taken = self._position + batch.num_rows, 0
        while taken < len(self._ragged) and self._ragged[taken] < end:
            taken += 1
            end += 1
        ragged = [row - self._position for row in self._ragged[:taken]]
        table = table_of_cells(self._names, [batch], ragged=ragged)
        self._ragged = self._ragged[taken:]
        self._position, self._kept = end, self._kept + batch.num_rows
        return table
