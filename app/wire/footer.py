"""Where a Parquet file keeps its columns, read from its footer (FileMetaData in parquet.thrift of Apache Parquet).

pyarrow tells this too, but the process ends when a hostile footer contradicts itself: its metadata of a column throw
C++ exceptions through functions that are declared to throw none.
"""

from dataclasses import dataclass
from typing import Any, Final

from app.wire.compact import Compact
from app.wire.faults import undecodable

MAGIC: Final = b"PAR1"
VALUES_A_COLUMN: Final = 100
VALUES_A_CHUNK: Final = 100
SPARE_VALUES: Final = 1000
_LENGTH_BYTES: Final = 4
_TAIL: Final = _LENGTH_BYTES + len(MAGIC)
_ROW_GROUPS: Final = 4
_COLUMNS, _TOTAL = 1, 2
_META: Final = 3
_COMPRESSED, _DATA_PAGE, _DICTIONARY_PAGE = 7, 9, 11


@dataclass(frozen=True, slots=True)
class Chunk:
    """The pages of one column in one group of rows: where they start, and their bytes as they lie in the file."""

    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Group:
    """A group of rows: its bytes when decompressed, as it says, and its columns."""

    size: int
    chunks: tuple[Chunk, ...]


def groups_of(data: Any, *, columns: int, groups: int) -> list[Group]:
    """Read the groups of a file of which pyarrow has told how many there are; `data` is the file, sliceable."""
    end = len(data) - _TAIL
    length = int.from_bytes(data[end : end + _LENGTH_BYTES], "little")
    if end < 0 or bytes(data[-len(MAGIC) :]) != MAGIC or length > end:
        raise undecodable("the Parquet file has no footer")
    most = SPARE_VALUES + columns * VALUES_A_COLUMN + columns * groups * VALUES_A_CHUNK
    footer = Compact(data, end - length, end, most=most).struct(0)
    found = [_group(group) for group in _listed(footer.get(_ROW_GROUPS, []))]
    if len(found) != groups or any(len(group.chunks) != columns for group in found):
        raise undecodable("the footer of the Parquet file contradicts itself")
    return found


def _group(group: dict[int, Any]) -> Group:
    chunks = _listed(group.get(_COLUMNS))
    return Group(_whole(group.get(_TOTAL)), tuple(_chunk(chunk.get(_META)) for chunk in chunks))


def _chunk(meta: Any) -> Chunk:
    if not isinstance(meta, dict):
        raise undecodable("a column of the Parquet file is not described")
    start, dictionary = _whole(meta.get(_DATA_PAGE)), meta.get(_DICTIONARY_PAGE)
    if start == 0:  # where no file has a page: a column without rows
        return Chunk(len(MAGIC), 0)
    if dictionary is not None and 0 < _whole(dictionary) < start:
        start = dictionary
    return Chunk(start, _whole(meta.get(_COMPRESSED)))


def _listed(value: Any) -> list[dict[int, Any]]:
    if not isinstance(value, list):
        raise undecodable("the footer of the Parquet file cannot be read")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int):
        raise undecodable("the footer of the Parquet file cannot be read")
    return value
