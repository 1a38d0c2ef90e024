"""What the pages of a Parquet file say they hold, read before anything is decompressed.

A page header is a Thrift struct in the compact protocol (parquet.thrift of Apache Parquet, PageHeader). The file's
footer also tells sizes, but readers allocate what the page header says, so that is what must be bounded.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from app.errors import TooLarge
from app.wire.faults import undecodable

MOST_PAGES: Final = 65_536
BYTES_A_PAGE: Final = 4096
DOUBLE_BYTES: Final = 8
DEEPEST: Final = 8
LONGEST_VARINT: Final = 10

# Kinds of values in the compact protocol: booleans lie in the kind itself, a byte and a double have a fixed size.
_INTEGERS: Final = frozenset({4, 5, 6})
_SIZES: Final = {1: 0, 2: 0, 3: 1, 7: 8}
_BINARY: Final = 8
_LISTS: Final = frozenset({9, 10})
_STRUCT: Final = 12
_UNCOMPRESSED, _COMPRESSED = 2, 3
_DATA, _DICTIONARY, _DATA_V2 = 5, 7, 8
_NUM_VALUES: Final = 1
_LONG_LIST: Final = 15


@dataclass(frozen=True, slots=True)
class Page:
    """One page: bytes when decompressed, values, and whether it is the dictionary of the others."""

    size: int
    values: int
    is_dictionary: bool


def check_pages(data: Any, metadata: Any, *, limit: int, plain: frozenset[int] = frozenset()) -> None:
    """Refuse a file whose pages hold more than `limit` bytes or doubles; `data` is the file, indexable by byte.

    `plain` are the leaf columns whose dictionary is written out for each value, all of it in the worst case.
    """
    held = pages = 0
    most = MOST_PAGES + len(data) // BYTES_A_PAGE
    for group in range(metadata.num_row_groups):
        chunks = metadata.row_group(group)
        for leaf in range(metadata.num_columns):
            words = values = 0
            for page in pages_of(data, chunks.column(leaf)):
                pages += 1
                held += page.size
                words = max(words, page.size * page.is_dictionary)
                values += page.values * (not page.is_dictionary)
                if pages > most:
                    raise TooLarge("body-too-large", f"the Parquet file has more than {most} pages")
                if held > limit or values * max(DOUBLE_BYTES, words if leaf in plain else 0) > limit:
                    raise TooLarge("body-too-large", f"the columns take more than {limit} bytes when decompressed")


def largest_page(data: Any, metadata: Any) -> int:
    """Bytes of the largest page when decompressed, of a file that is read page by page."""
    return max(
        (
            page.size
            for group in range(metadata.num_row_groups)
            for leaf in range(metadata.num_columns)
            for page in pages_of(data, metadata.row_group(group).column(leaf))
        ),
        default=0,
    )


def pages_of(data: Any, chunk: Any) -> Iterator[Page]:
    """Walk the pages of one column of one row group."""
    at = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < at:
        at = chunk.dictionary_page_offset
    end = at + chunk.total_compressed_size
    if not 0 <= at <= end <= len(data):
        raise undecodable("a column of the Parquet file lies outside of it")
    while at < end:
        reader = _Reader(data, at, end)
        found = reader.struct(0)
        size, packed = _natural(found.get(_UNCOMPRESSED)), _natural(found.get(_COMPRESSED))
        heads = [head for kind in (_DATA, _DATA_V2, _DICTIONARY) if isinstance(head := found.get(kind), dict)]
        values = max((_natural(head.get(_NUM_VALUES)) for head in heads), default=0)
        yield Page(size, values, _DICTIONARY in found)
        at = reader.at + packed


def _natural(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise undecodable("a page of the Parquet file does not say what it holds")
    return value


class _Reader:
    """The compact protocol, as far as page headers need it: integers and structs are kept, the rest is skipped."""

    def __init__(self, data: Any, at: int, end: int) -> None:
        self._data = data
        self.at = at
        self._end = end

    def struct(self, depth: int) -> dict[int, Any]:
        """Read a struct as its integers and structs by field number."""
        if depth > DEEPEST:
            raise undecodable("a page header of the Parquet file is nested too deeply")
        found: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer()
            found[number] = self._value(head & 15, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        value: Any = None
        if kind in _INTEGERS:
            value = self._integer()
        elif kind == _STRUCT:
            value = self.struct(depth + 1)
        elif kind in _SIZES:
            self._skip(_SIZES[kind])
        elif kind == _BINARY:
            self._skip(self._varint())
        elif kind in _LISTS:
            self._list(depth)
        else:
            raise undecodable("a page header of the Parquet file cannot be read")
        return value

    def _list(self, depth: int) -> None:
        if depth > DEEPEST:
            raise undecodable("a page header of the Parquet file is nested too deeply")
        head = self._byte()
        size = self._varint() if head >> 4 == _LONG_LIST else head >> 4
        for _ in range(size):
            # Booleans in a list take a byte each; everything else at least one, so the end stops a lie.
            if head & 15 <= 2:  # noqa: PLR2004 - the two kinds of boolean
                self._skip(1)
            else:
                self._value(head & 15, depth + 1)

    def _skip(self, size: int) -> None:
        self.at += size
        if self.at > self._end:
            raise undecodable("a page of the Parquet file is cut short")

    def _byte(self) -> int:
        if self.at >= self._end:
            raise undecodable("a page of the Parquet file is cut short")
        self.at += 1
        return int(self._data[self.at - 1])

    def _varint(self) -> int:
        value = 0
        for place in range(LONGEST_VARINT):
            octet = self._byte()
            value |= (octet & 127) << (7 * place)
            if octet < 128:  # noqa: PLR2004 - the last byte
                return value
        raise undecodable("a page header of the Parquet file cannot be read")

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
