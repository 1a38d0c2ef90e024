"""The instants of rows, from whatever stands in their time column."""

from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.wire.cells import Cells
from app.wire.epochs import in_years, read_doubles, read_each, read_integers
from app.wire.flat import decoded, flat
from app.wire.localtime import to_utc
from app.wire.numbers import null_state
from app.wire.rfc3339 import Readings, read_digits, read_times
from app.wire.table import RawColumn
from app.wire.text import as_text, is_bytes, trimmed

READ: Final = 0
MISSING: Final = 1
UNREADABLE: Final = 2

LIMITS_US: Final = {"s": 1_000_000, "ms": 1000, "us": 1}


@dataclass(frozen=True, slots=True)
class Instants:
    """Microseconds since 1970 of shape (rows,), each READ, MISSING or UNREADABLE, and how many were ambiguous."""

    us: NDArray[np.int64]
    state: NDArray[np.uint8]
    ambiguous: int


@dataclass(frozen=True, slots=True)
class _Times:
    readings: Readings
    missing: NDArray[np.bool_]


def instants(  # noqa: PLR0913 - a model's whole way of reading times
    raw: RawColumn | None,
    rows: int,
    *,
    receipt_us: int,
    naive: str,
    zone: ZoneInfo,
    text: bool = False,  # noqa: ARG001 - a CSV boolean is no time either way
) -> Instants:
    """Read a time column; a row without a time takes the receipt time, `naive` is `utc` or `local`."""
    if raw is None:
        return Instants(np.full(rows, receipt_us, np.int64), np.full(rows, MISSING, np.uint8), 0)
    if isinstance(raw, Cells):
        raw = raw.values
    times = _of_list(raw) if isinstance(raw, list) else _of_array(flat(raw))
    us, known = times.readings.us, times.readings.known & ~times.missing
    ambiguous = 0
    local = times.readings.naive & known
    if naive == "local" and local.any():
        us = us.copy()
        us[local], twice = to_utc(us[local], zone)
        ambiguous = int(twice.sum())
    known = known & in_years(us)
    state = np.where(known, READ, np.where(times.missing, MISSING, UNREADABLE)).astype(np.uint8)
    return Instants(np.where(known, us, np.where(times.missing, receipt_us, 0)), state, ambiguous)


def _of_list(raw: list[Any]) -> _Times:
    kinds = set(map(type, raw)) - {type(None)}
    plain = {str: pa.large_string(), int: pa.int64(), float: pa.float64()}.get(kinds.pop()) if len(kinds) == 1 else None
    if plain is not None:
        try:
            return _of_array(pa.array(raw, plain))
        except (pa.ArrowException, OverflowError, UnicodeEncodeError):
            pass
    return _of_objects(raw)


def _of_objects(values: list[Any]) -> _Times:
    """Read values of several kinds: text by its shape, numbers by distinct value."""
    words = [value if isinstance(value, str) else "" for value in values]
    safe = [word.encode("utf-8", "replace").decode() for word in words]
    times = _of_text(trimmed(pa.array(safe, pa.large_string())))
    others = np.flatnonzero([not isinstance(value, str) for value in values])
    us, known = read_each([values[n] for n in others.tolist()])
    times.us[others], times.known[others], times.naive[others] = us, known, False
    return _Times(times, np.array([value is None for value in values], np.bool_))


def _of_array(raw: Any) -> _Times:
    kind = raw.type
    if pa.types.is_dictionary(kind):
        words, codes = decoded(raw)
        return _spread(_of_array(flat(words)), codes)
    state = null_state(raw)
    missing = np.zeros(len(raw), np.bool_) if state is None else state.astype(np.bool_)
    if is_bytes(kind):
        return _Times(_of_text(trimmed(as_text(raw).cast(pa.large_string()).fill_null(""))), missing)
    if pa.types.is_timestamp(kind):
        return _Times(_of_timestamps(raw), missing)
    if pa.types.is_integer(kind):
        us, known = _of_integers(raw)
    elif pa.types.is_floating(kind):
        us, known = read_doubles(raw.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False))
    elif pa.types.is_decimal(kind):
        us, known = read_each(raw.to_pylist())
    else:
        us, known = np.zeros(len(raw), np.int64), np.zeros(len(raw), np.bool_)
    return _Times(Readings(us, known, np.zeros(len(raw), np.bool_)), missing)


def _of_integers(raw: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    try:
        return read_integers(raw.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid:
        return read_each(raw.to_pylist())


def _of_text(text: Any) -> Readings:
    """Read text without nulls: RFC 3339 first, numbers after that."""
    digits = read_digits(text)
    if digits is not None:
        return Readings(*read_integers(digits), np.zeros(len(text), np.bool_))
    readings = read_times(text)
    rest = np.flatnonzero(~readings.known)
    if len(rest):
        words = text.take(pa.array(rest))
        if pc.all(pc.match_substring_regex(words, r"^[+-]?[0-9]{1,18}$")).as_py():
            us, known = read_integers(pc.cast(pc.utf8_ltrim(words, "+"), pa.int64()).to_numpy(zero_copy_only=False))
        else:
            us, known = read_each(words.to_pylist())
        readings.us[rest], readings.known[rest], readings.naive[rest] = us, known, False
    return readings


def _of_timestamps(raw: Any) -> Readings:
    counts = raw.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    scale = LIMITS_US.get(raw.type.unit)
    if scale is None:
        us, known = counts // 1000, np.ones(len(raw), np.bool_)
    else:
        known = np.abs(counts.astype(np.float64)) < 2.0**63 / scale
        us = np.where(known, counts, 0) * scale
    return Readings(us, known & in_years(us), np.full(len(raw), raw.type.tz is None))


def _spread(words: _Times, codes: NDArray[np.int64]) -> _Times:
    """Spread the times of a dictionary over its rows; a negative code is missing."""
    readings = words.readings
    return _Times(
        Readings(
            np.append(readings.us, 0)[codes],
            np.append(readings.known, np.False_)[codes],
            np.append(readings.naive, np.False_)[codes],
        ),
        np.append(words.missing, np.True_)[codes],
    )
