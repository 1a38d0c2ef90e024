"""CSV files of any size, block by block."""

import codecs
import os
from collections import deque
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from app.wire.arriving import Arriving
from app.wire.csvcuts import last_cut
from app.wire.csvrows import HEADER_BYTES, Octets, begun, header, table_of_lines
from app.wire.faults import undecodable
from app.wire.sources import Plain
from app.wire.table import START, Mark, Table

# Larger blocks fall out of the cache and are read more slowly.
BLOCK: Final = 3 << 19
LARGEST_BLOCK: Final = 64 << 20
MOST_READERS: Final = 2
READ_AHEAD: Final = 2
"""Blocks that wait beside those that are being read: readers do not stand when whoever looks at tables is late."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Whole rows; whether the header comes before them, and where the rows after them begin."""

    text: Octets
    headed: bool
    mark: Mark | None


class CsvFile:
    """One pass over a CSV file; a row longer than a block makes a longer block.

    Columns named in `doubles` are read as numbers, as long as every cell of a block is one. Without a number of
    `readers`, the threads that read blocks, it is that of the cores, up to two; with none the caller's reads them.
    """

    def __init__(  # noqa: PLR0913 - how a file may be read
        self,
        path: Path,
        *,
        block: int = BLOCK,
        doubles: Collection[str] = (),
        readers: int | None = None,
        arriving: Arriving | None = None,
        begin: Mark = START,
    ) -> None:
        """Read the header and nothing else; a file without a line has no columns and no rows.

        Tables are those after the one whose mark is given as `begin`.
        """
        self._path = path
        self._arriving = arriving
        self._block = block
        self._begin = begin
        with Plain(path, arriving=arriving) as plain:
            head = plain.read(HEADER_BYTES)
        self._names = header(head) if head.removeprefix(codecs.BOM_UTF8).strip() else []
        self._doubles = {place for place, name in enumerate(self._names) if name in doubles}
        self._readers = _readers() if readers is None else readers
        self.consumed = 0

    def tables(self) -> Iterator[Table]:
        """Give the rows in order, numbered within their table; refused rows alone make one without rows."""
        with Plain(self._path, text=True, arriving=self._arriving, begin=self._begin.end) as plain:
            for table in self._ahead(plain) if self._readers else map(self._table, self._blocks(plain)):
                if table.received:
                    yield table

    def _ahead(self, plain: Plain) -> Iterator[Table]:
        """Read some blocks in threads while earlier ones are looked at."""
        with ThreadPoolExecutor(self._readers, thread_name_prefix="csv") as pool:
            waiting: deque[Future[Table]] = deque()
            for block in self._blocks(plain):
                waiting.append(pool.submit(self._table, block))
                if len(waiting) > self._readers + READ_AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _table(self, block: Lines) -> Table:
        """Read a block; columns of doubles that hold something else are read as text from now on."""
        table = table_of_lines(block.text, self._names, doubles=self._doubles, headed=block.headed)
        return replace(table, mark=block.mark)

    def _blocks(self, plain: Plain) -> Iterator[Lines]:
        """Cut the file into blocks of whole rows."""
        rest = plain.read(self._begin.read - self._begin.end)
        headed, more = self._begin == START, bool(self._names)
        while more:
            size = max(self._block, len(rest))
            text = plain.read(size, behind=rest)
            more = len(text) == size + len(rest)
            self.consumed = plain.consumed
            if headed:
                text = begun(text)
            cut = last_cut(text) if more else len(text)
            rest = text[cut:]
            if max(len(rest), 0 if more else _last_row(text)) > LARGEST_BLOCK:
                raise undecodable(f"a row of the CSV takes more than {LARGEST_BLOCK} bytes")
            if cut:
                place = plain.place
                mark = None if place is None else Mark(place - len(rest), place)
                yield Lines(_framed(text, cut), headed=headed, mark=mark)
                headed = False


def _last_row(text: bytes) -> int:
    """Give the bytes of the last row, if they may be too many."""
    return len(text) - last_cut(text[:-1]) if len(text) > LARGEST_BLOCK else 0


def _framed(text: bytes, cut: int) -> Octets:
    """Give rows of which the last has an end; the reader is kept from taking the first letter for a byte order mark."""
    ended = text.endswith((b"\n", b"\r"), 0, cut)
    if ended and not text.startswith(codecs.BOM_UTF8):
        return memoryview(text)[:cut]
    return b"\n" * text.startswith(codecs.BOM_UTF8) + text[:cut] + b"\n" * (not ended)


def _readers() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_READERS) if cores > 1 else 0
