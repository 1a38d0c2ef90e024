"""What the pages of a Parquet file say they hold, read before anything is decompressed.

A page header is a Thrift struct in the compact protocol (parquet.thrift of Apache Parquet, PageHeader). The file's
footer also tells sizes, but readers allocate what the page header says, so that is what must be bounded.
"""

from collections.abc import Iterator, Sequence
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


@dataclass(frozen=True, slots=True)
class Page:
    """One page: bytes when decompressed, values, and whether it is the dictionary of the others."""

    size: int
    values: int
    is_dictionary: bool


def check_pages(
    data: Any, groups: Sequence[Sequence[Chunk]], *, limit: int, plain: frozenset[int] = frozenset()
) -> None:
    """Refuse a file whose pages hold more than `limit` bytes or doubles; `data` is the file, indexable by byte.

    `plain` are the leaf columns whose dictionary is written out for each value, all of it in the worst case.
    """
    held = pages = 0
    for chunks in groups:
        for leaf, chunk in enumerate(chunks):
            words = values = 0
            for page in pages_of(data, chunk):
                pages += 1
                held += page.size
                words = max(words, page.size * page.is_dictionary)
                values += page.values * (not page.is_dictionary)
                if too_many(pages, data):
                    raise TooLarge("body-too-large", f"the Parquet file has more than {pages - 1} pages")
                if held > limit or values * max(DOUBLE_BYTES, words if leaf in plain else 0) > limit:
                    raise TooLarge("body-too-large", f"the columns take more than {limit} bytes when decompressed")


def too_many(pages: int, data: Any) -> bool:
    """Tell whether a file of this size may have so many pages."""
    return pages > MOST_PAGES + len(data) // BYTES_A_PAGE


def largest_page(data: Any, groups: Sequence[Sequence[Chunk]]) -> int:
    """Bytes of the largest page when decompressed, of a file that is read page by page."""
    return max((page.size for chunks in groups for chunk in chunks for page in pages_of(data, chunk)), default=0)


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
        heads = [head for kind in (_DATA, _DATA_V2, _DICTIONARY) if isinstance(head := found.get(kind), dict)]
        values = max((_natural(head.get(_NUM_VALUES)) for head in heads), default=0)
        yield Page(size, values, _DICTIONARY in found)
        at = reader.at + packed


def _natural(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise undecodable("a page of the Parquet file does not say what it holds")
    return value
