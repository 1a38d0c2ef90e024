"""A few rows of a table with their values as they came, and as bytes."""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.wire.arrow import STREAM_MAGIC
from app.wire.batches import NAMES, WIDE, BatchColumns
from app.wire.bundles import BUNDLE, TEXT, Bundle, bundled, stream
from app.wire.cells import Cells
from app.wire.excerpt import excerpt, values_of
from app.wire.jsonrows import RowColumns
from app.wire.numbers import number
from app.wire.table import Table
from app.wire.text import is_bytes

Values = dict[str, list[Any]]

MANY: Final = 128
_PLAIN: Final = frozenset(
    kind.id for kind in (pa.float64(), pa.float32(), pa.int64(), pa.int32(), pa.int16(), pa.int8(), pa.uint8())
)
_LONGEST: Final = 2_000
_LARGEST_ROW: Final = 2**16
_WIDEST: Final = 2**63
_ZONED: Final = re.compile(r"timestamp\[(?:s|ms|us|ns), tz=(.+)\]")
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,15}", re.ASCII)


class Picks(msgspec.Struct, frozen=True):
    """Columns of equal length; `text` says that all are CSV cells, `cells` names those that are if not all.

    `types` are what Arrow calls those of columns that have one.
    """

    text: bool
    columns: Values
    cells: list[str] = []
    types: dict[str, str] = {}


def picked(table: Table, names: Iterable[str], rows: Sequence[int]) -> Picks:
    """Take rows by their position in the table; a name that the table lacks is left out."""
    wanted = [name for name in names if name in table.columns]
    if isinstance(table.columns, RowColumns):
        return Picks(table.text, table.columns.picked(wanted, rows))
    raw = {name: table.columns[name] for name in wanted}
    if _all_arrow(raw):
        types = {} if table.text else {name: _type(column) for name, column in raw.items()}
        return Picks(table.text, _of_arrow(raw, rows), types=types)
    return Picks(table.text, {name: _taken(column, rows) for name, column in raw.items()})


def _type(column: Any) -> str:
    """Name the type of an Arrow column or field; bytes are read as text."""
    kind = column.type
    if is_bytes(kind) and not pa.types.is_string(kind):
        kind = pa.large_string()
    return NAMES.get(kind.id) or str(kind)


def _all_arrow(raw: dict[str, Any]) -> bool:
    return all(isinstance(column, pa.Array | pa.ChunkedArray) for column in raw.values())


def _of_arrow(raw: dict[str, Any], rows: Sequence[int]) -> Values:
    places = np.array(rows, np.int64)
    return {name: _some(column, places) for name, column in raw.items()}


def _some(column: Any, places: NDArray[np.int64]) -> list[Any]:
    """Give a few values; of plain numbers by way of numpy, which costs a third."""
    chunks = _chunks(column)
    if column.type.id in _PLAIN and len(chunks) == 1 and not chunks[0].null_count:
        values: list[Any] = chunks[0].to_numpy().take(places).tolist()
        return values
    return values_of(excerpt([column], places)[0])


def _chunks(column: Any) -> list[Any]:
    return column.chunks if isinstance(column, pa.ChunkedArray) else [column]


def _batch(raw: dict[str, Any], rows: Sequence[int]) -> Any:
    """Take rows of all columns at once."""
    return pa.RecordBatch.from_arrays(excerpt(list(raw.values()), np.array(rows, np.int64)), names=list(raw))


def _taken(column: Any, rows: Sequence[int]) -> list[Any]:
    if isinstance(column, Cells):
        some: list[Any] = column.doubles[list(rows)].tolist()
        if not all(map(float.is_integer, some)):
            if column.nulls is None:
                return some
            return [None if null else value for value, null in zip(some, column.nulls[list(rows)], strict=True)]
        return [column[row] for row in rows]  # which of them are integers is told by the values alone
    if isinstance(column, list):
        return [column[row] for row in rows]
    return values_of(excerpt([column], np.array(rows, np.int64))[0])


def packed(picks: Picks) -> bytes:
    """Write picks as MessagePack; what it cannot hold becomes text, and long text is cut."""
    try:
        return msgspec.msgpack.encode(picks, enc_hook=str)
    except (OverflowError, UnicodeEncodeError, TypeError, ValueError, RecursionError):
        return _cut(picks)


def _cut(picks: Picks) -> bytes:
    safe = {name: [_safe(value) for value in values] for name, values in picks.columns.items()}
    return msgspec.msgpack.encode(Picks(picks.text, safe, picks.cells, picks.types), enc_hook=str)


def packed_rows(table: Table, names: Sequence[str], rows: NDArray[np.int64], *, bare: Sequence[str] = ()) -> bytes:
    """Pick rows and write them; those of Arrow are never made values of Python, which costs a tenth.

    Of `bare` columns no value is kept, as if all were null. Where rows are huge, long text is cut.
    """
    payload = _packed_rows(table, names, rows, bare=bare)
    if len(payload) <= _LARGEST_ROW * len(rows):
        return payload
    picks = picked(table, names, rows.tolist())
    nothing: Values = {name: [None] * len(rows) for name in bare}
    return _cut(Picks(picks.text, {**picks.columns, **nothing}, types=picks.types))


def _packed_rows(table: Table, names: Sequence[str], rows: NDArray[np.int64], *, bare: Sequence[str]) -> bytes:
    if isinstance(table.columns, BatchColumns):
        return bundled(table.columns, names, rows, bare=bare)
    places = rows.tolist()
    raw = {name: table.columns[name] for name in names if name in table.columns} if len(places) >= MANY else {}
    if bare or isinstance(table.columns, RowColumns) or not raw or not _all_arrow(raw):
        picks = picked(table, names, places)
        nothing: Values = {name: [None] * len(places) for name in bare}
        return packed(Picks(picks.text, {**picks.columns, **nothing}, types=picks.types))
    return stream(_batch(raw, places), text=table.text)


def unpacked(payload: bytes) -> Picks:
    """Read picks."""
    if payload.startswith(STREAM_MAGIC):
        table = pa.ipc.open_stream(payload).read_all()
        text = (table.schema.metadata or {}).get(TEXT) == b"1"
        types = {} if text else {field.name: _type(field) for field in table.schema}
        return Picks(text, {name: values_of(table.column(n)) for n, name in enumerate(table.schema.names)}, types=types)
    if payload.startswith(BUNDLE):
        return _opened(msgspec.msgpack.decode(payload, type=Bundle))
    picks = msgspec.msgpack.decode(payload, type=Picks)
    typed = {
        name: [read(value) for value in picks.columns[name]]
        for name, kind in picks.types.items()
        if name in picks.columns and (read := _reader(kind)) is not None
    }
    return Picks(picks.text, {**picks.columns, **typed}, picks.cells, picks.types) if typed else picks


def _reader(kind: str) -> Callable[[Any], Any] | None:
    """Tell how to read what MessagePack holds of a type: decimals as text, moments without their zone."""
    if kind.startswith("decimal"):
        return lambda value: Decimal(value) if isinstance(value, str) else value
    zoned = _ZONED.fullmatch(kind)
    try:
        zone = None if zoned is None else ZoneInfo(zoned[1])
    except (ValueError, OSError, KeyError):
        return None
    return None if zone is None else lambda value: value.astimezone(zone) if isinstance(value, dt.datetime) else value


def _opened(bundle: Bundle) -> Picks:
    columns: Values = {}
    double, integer = WIDE
    whole = set(bundle.whole)
    types = {name: integer if name in whole else double for name in bundle.names} | dict(bundle.types)
    if bundle.names:
        for name, values in zip(
            bundle.names, np.frombuffer(bundle.doubles).reshape(len(bundle.names), -1), strict=True
        ):
            columns[name] = (values.astype(np.int64) if name in whole else values).tolist()
    if bundle.rest:
        rest = unpacked(bundle.rest)
        columns |= rest.columns
        types |= rest.types
    columns |= {name: [None] * bundle.rows for name in bundle.bare}
    return Picks(text=False, columns=columns, types=types)


def read_cells(values: Sequence[Any]) -> list[Any]:
    """Read the cells of a numeric CSV column: numbers where they are some, else the text that stands there."""
    return [_cell(value) for value in values]


def _cell(value: Any) -> Any:
    read = number(value, booleans=True) if isinstance(value, str) else None
    if read is None:
        return value
    return int(value) if _INTEGER.fullmatch(value) else read


def _safe(value: Any) -> Any:
    if isinstance(value, bool | float | dt.datetime) or value is None:
        return value
    if isinstance(value, int):
        return value if -_WIDEST <= value < _WIDEST else float(value) if abs(value) < 1 << 1000 else float("inf")
    if isinstance(value, bytes):
        return value[:_LONGEST]
    return str(value)[:_LONGEST].encode("utf-8", "replace").decode()
