"""What the pages of a Parquet file say they hold, read before anything is decompressed.

A page header is a Thrift struct in the compact protocol (parquet.thrift of Apache Parquet, PageHeader). The file's
footer also tells sizes, but readers allocate what the page header says, so that is what must be bounded.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.errors import TooLarge
from app.wire.compact import Compact
from app.wire.faults import undecodable
from app.wire.footer import Chunk

MOST_PAGES: Final = 65_536
BYTES_A_PAGE: Final = 4096
DOUBLE_BYTES: Final = 8
_UNCOMPRESSED, _COMPRESSED = 2, 3
_DATA, _DICTIONARY, _DATA_V2 = 5, 7, 8
_NUM_VALUES: Final = 1
_ENCODINGS: Final = {_DATA: 2, _DATA_V2: 4}
DELTA_LENGTHS, DELTA_TEXTS = 6, 7
"""Encodings of text that cannot stay a dictionary; in the second a value may repeat most of the one before it."""


NO_WIDTHS: Final[Mapping[int, int]] = {}


@dataclass(frozen=True, slots=True)
class Page:
    """One page: bytes when decompressed, values, their encoding, and whether it is the dictionary of the others."""

    size: int
    values: int
    is_dictionary: bool
    encoding: int = 0


def check_pages(
    data: Any, groups: Sequence[Sequence[Chunk]], *, limit: int, widths: Mapping[int, int] = NO_WIDTHS
) -> dict[int, int]:
    """Refuse a file whose pages hold more than `limit` bytes or doubles; `data` is the file, indexable by byte.

    `widths` are the bytes of each value of those leaf columns whose values are written out; 0 stands for any, which
    matters where a value may repeat most of the one before it. Gives the leaf columns that cannot stay dictionaries,
    as `largest_page` does.
    """
    held = pages = written = 0
    found: dict[int, int] = {}
    for chunks in groups:
        for leaf, chunk in enumerate(chunks):
            words = values = 0
            for page in pages_of(data, chunk):
                pages += 1
                held += page.size
                words = max(words, page.size * (page.encoding == DELTA_TEXTS))
                values += page.values * (not page.is_dictionary)
                if too_many(pages, data):
                    raise TooLarge("body-too-large", f"the Parquet file has more than {pages - 1} pages")
                width = (widths[leaf] or words) if leaf in widths else 0
                if max(held, values * DOUBLE_BYTES, written + values * width) > limit:
                    raise TooLarge("body-too-large", f"the columns take more than {limit} bytes when decompressed")
                _note(found, leaf, page)
            written += values * ((widths[leaf] or words) if leaf in widths else 0)
    return found


def largest_page(data: Any, groups: Sequence[Sequence[Chunk]]) -> tuple[int, dict[int, int]]:
    """Bytes of the largest page when decompressed, of a file that is read page by page.

    And the leaf columns that cannot stay dictionaries, each with the bytes that one value may take, because it repeats
    the one before it: no more than all that the page adds. 0 stands for values that lie in their pages as they are.
    """
    largest = 0
    found: dict[int, int] = {}
    for chunks in groups:
        for leaf, chunk in enumerate(chunks):
            for page in pages_of(data, chunk):
                largest = max(largest, page.size)
                _note(found, leaf, page)
    return largest, found


def _note(found: dict[int, int], leaf: int, page: Page) -> None:
    if not page.is_dictionary and page.encoding in {DELTA_LENGTHS, DELTA_TEXTS}:
        found[leaf] = max(found.get(leaf, 0), page.size * (page.encoding == DELTA_TEXTS))


def too_many(pages: int, data: Any) -> bool:
    """Tell whether a file of this size may have so many pages."""
    return pages > MOST_PAGES + len(data) // BYTES_A_PAGE


def pages_of(data: Any, chunk: Chunk) -> Iterator[Page]:
    """Walk the pages of one column of one row group."""
    at = chunk.start
    end = at + chunk.size
    if not 0 <= at <= end <= len(data):
        raise undecodable("a column of the Parquet file lies outside of it")
    while at < end:
        reader = Compact(data, at, end)
        found = reader.struct(0)
        size, packed = _natural(found.get(_UNCOMPRESSED)), _natural(found.get(_COMPRESSED))
        heads = {kind: head for kind in (_DATA, _DATA_V2, _DICTIONARY) if isinstance(head := found.get(kind), dict)}
        values = max((_natural(head.get(_NUM_VALUES)) for head in heads.values()), default=0)
        encoding = max(
            (_natural(heads[kind].get(field, 0)) for kind, field in _ENCODINGS.items() if kind in heads), default=0
        )
        yield Page(size, values, _DICTIONARY in found, encoding)
        at = reader.at + packed


def _natural(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise undecodable("a page of the Parquet file does not say what it holds")
    return value
