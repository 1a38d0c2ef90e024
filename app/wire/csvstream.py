"""CSV files of any size, block by block."""

import codecs
import math
from bisect import insort
from collections import deque
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from app.wire.csvrows import COLUMN, HEADER_BYTES, header, open_reader, table_of_cells
from app.wire.faults import clip, undecodable
from app.wire.sources import Plain
from app.wire.table import Table

# Larger blocks fall out of the cache and read at half the speed.
BLOCK: Final = 2 << 20
LARGEST_BLOCK: Final = 128 << 20
SECOND_LOOKS: Final = 8


class _OddError(Exception):
    """Something that only a slower look can tell."""


class CsvFile:
    """One pass over a CSV file; a row longer than a block is read with larger blocks.

    Columns named in `doubles` are read as numbers by all cores, as long as every cell is one; a second look from the
    start takes the others as text, and a file with lines of another width in one thread, which can count them.
    """

    def __init__(self, path: Path, *, block: int = BLOCK, doubles: Collection[str] = ()) -> None:
        """Read the header and nothing else; a file without a line has no columns and no rows."""
        self._path = path
        self._block = block
        with Plain(path) as plain:
            head = plain.read(HEADER_BYTES)
        self._names = header(head) if head.removeprefix(codecs.BOM_UTF8).strip() else []
        self._doubles = {place for place, name in enumerate(self._names) if name in doubles}
        self._looks = SECOND_LOOKS
        self._threads = True
        self._kept = 0
        self._position = 0
        self._ragged: list[int] = []
        self.consumed = 0

    def tables(self) -> Iterator[Table]:
        """Give the rows in order, numbered within their table; refused rows at the very end make one without rows."""
        while self._names:
            try:
                yield from self._pass()
            except _OddError:
                continue
            except pa.ArrowInvalid as error:
                self._look_again(error)
            else:
                break
        if self._ragged:
            yield table_of_cells(self._names, [], ragged=[row - self._position for row in self._ragged])

    def _look_again(self, error: pa.ArrowInvalid) -> None:
        """Choose another way to read what could not be read."""
        odd = COLUMN.search(str(error))
        if odd is not None and int(odd[1]) in self._doubles:
            self._as_text({int(odd[1])})
        elif "straddling" in str(error) and self._block < LARGEST_BLOCK:
            self._block *= 4
        else:
            raise undecodable(f"the CSV cannot be read: {clip(str(error))}") from None

    def _as_text(self, odd: Collection[int]) -> None:
        """Read some columns as text from now on, and all of them when this happens often."""
        self._looks -= 1
        self._doubles = self._doubles.difference(odd) if self._looks else set()

    def _pass(self) -> Iterator[Table]:
        """Read from the start, skipping the rows that were given before."""
        skip, self._ragged = self._kept, []
        met: deque[int | None] = deque()  # of this pass alone: threads of an earlier one may still be at it
        with Plain(self._path, text=True) as plain:
            source = pa.PythonFile(plain, mode="r")
            reader = open_reader(
                source,
                len(self._names),
                block=self._block,
                ragged=met.append,
                doubles=self._doubles,
                threads=self._threads,
            )
            try:
                for batch in reader:
                    fresh = batch.slice(min(skip, batch.num_rows))
                    skip -= batch.num_rows - fresh.num_rows
                    self.consumed = plain.consumed
                    self._note(met)
                    if fresh.num_rows:
                        self._check_numbers(fresh)
                        yield self._table(fresh)
                self._note(met)
            finally:
                reader.close()

    def _note(self, met: deque[int | None]) -> None:
        """Keep the rows of another width that were met, ahead of those given: all others were met before.

        Threads do not know their numbers, so that another look has to be taken without.
        """
        while met:
            row = met.popleft()
            if row is None:
                self._threads = False
                raise _OddError
            if row >= self._position:
                insort(self._ragged, row)

    def _check_numbers(self, batch: pa.RecordBatch) -> None:
        """Look again at NaN, which other words than NaN may have become."""
        sums = {place: pc.sum(batch.column(place)).as_py() for place in self._doubles}
        odd = {place for place, total in sums.items() if total is not None and math.isnan(total)}
        if odd:
            self._as_text(odd)
            raise _OddError

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
