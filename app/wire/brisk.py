"""Bodies that are read within a few milliseconds: numbers, and few other values beside them."""

from typing import Final

from app.wire.arrow import STREAM_MAGIC, plain_stream
from app.wire.bounds import Bounds
from app.wire.decode import MAX_DECODED, Format
from app.wire.faults import check_lines, check_objects, check_row_count
from app.wire.ndjson import plain_lines
from app.wire.quick import quick_json
from app.wire.table import Table

LARGEST: Final = 4 << 20
BOUNDS: Final = Bounds(rows=1 << 14, names=1 << 11, others=1 << 13)
MOST_CELLS: Final = 1 << 19
_STARTS: Final = (b"{", b"[", STREAM_MAGIC)


def may_be_brisk(body: bytes) -> bool:
    """Tell by size and first bytes whether a body is worth the try."""
    return len(body) <= LARGEST and body.startswith(_STARTS)


def brisk_table(body: bytes, kind: Format, *, row_count: int | None, most: int) -> Table | None:
    """Read a body as `decode` would; None when it is not plain, or holds more than `BOUNDS`, unless it is Arrow."""
    table = _table(body, kind, most=most)
    if table is not None:
        check_row_count(table.received, row_count)
    return table


def is_large(table: Table) -> bool:
    """Tell whether a table that was read in no time holds so much that counting it takes some."""
    columns = len(table.columns)
    return table.rows > BOUNDS.rows or columns > BOUNDS.names or table.rows * columns > MOST_CELLS


def _table(body: bytes, kind: Format, *, most: int) -> Table | None:
    match kind:
        case Format.ARROW:
            return plain_stream(body, limit=MAX_DECODED)
        case Format.JSON:
            return quick_json(body, most=most, bounds=BOUNDS)
        case Format.NDJSON:
            check_lines(body, most)
            check_objects(body, most)
            return plain_lines(body, bounds=BOUNDS)
        case _:
            return None
