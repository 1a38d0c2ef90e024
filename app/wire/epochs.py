"""Numbers of seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by size."""

import decimal
from collections.abc import Hashable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.wire.numbers import BLANKS, NUMBER

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

SECONDS_BELOW: Final = 10**11
MILLISECONDS_BELOW: Final = 10**14
MICROSECONDS_BELOW: Final = 10**17
# Beyond these a double is coarser than a microsecond.
EXACT_SECONDS: Final = 8.0e9
EXACT_MILLISECONDS: Final = 8.0e12
# The years 1 to 9999.
FIRST_US: Final = -62_135_596_800_000_000
BEYOND_US: Final = 253_402_300_800_000_000
LARGEST_EXPONENT: Final = 22
EXACT: Final = decimal.Context(prec=10_000, rounding=decimal.ROUND_FLOOR)


def in_years(us: Integers) -> Mask:
    """Tell which instants lie in the years 1 to 9999."""
    return (us >= FIRST_US) & (us < BEYOND_US)


def read_integers(numbers: Integers) -> tuple[Integers, Mask]:
    """Read 64-bit integers exactly."""
    size = np.where(numbers < 0, -np.maximum(numbers, -(2**63 - 1)), numbers)
    us = np.select(
        [size < SECONDS_BELOW, size < MILLISECONDS_BELOW, size < MICROSECONDS_BELOW],
        [numbers * 1_000_000, numbers * 1000, numbers],
        numbers // 1000,
    )
    return us, in_years(us)


def read_doubles(numbers: NDArray[np.float64]) -> tuple[Integers, Mask]:
    """Read doubles as the shortest decimals that they are, cut down to microseconds."""
    size = np.abs(numbers)
    us = np.zeros(len(numbers), np.int64)
    known = np.zeros(len(numbers), np.bool_)
    seconds, milliseconds = size < EXACT_SECONDS, (size >= SECONDS_BELOW) & (size < EXACT_MILLISECONDS)
    for mask, scale in ((seconds, 1e6), (milliseconds, 1e3)):
        value = numbers[mask]
        floor = np.floor(value * scale)
        floor += (floor + 1) / scale <= value
        floor -= floor / scale > value
        us[mask] = floor.astype(np.int64)
        known[mask] = True
    rest = np.flatnonzero(np.isfinite(numbers) & ~seconds & ~milliseconds)
    us[rest], known[rest] = read_each(numbers[rest].tolist())
    return np.where(known, us, 0), known & in_years(us)


def read_each(values: Sequence[Any]) -> tuple[Integers, Mask]:
    """Read values of any kind by distinct value; what is no number stays unknown."""
    known: dict[Hashable, int | None] = {}
    read = [_cached(value, known) for value in values]
    us = np.array([0 if one is None else one for one in read], np.int64)
    return us, np.array([one is not None for one in read], np.bool_)


def _cached(value: Any, known: dict[Hashable, int | None]) -> int | None:
    if not isinstance(value, int | float | str | decimal.Decimal):
        return None
    key = (type(value), value)
    if key not in known:
        known[key] = microseconds(value)
    return known[key]


def microseconds(value: float | str | decimal.Decimal) -> int | None:
    """Read one number or numeric string exactly; None when it is no time."""
    exact = _exact(value)
    if exact is None or not exact.is_finite() or exact.adjusted() > LARGEST_EXPONENT:
        return None
    size = exact.copy_abs()
    if size < SECONDS_BELOW:
        power = 6
    elif size < MILLISECONDS_BELOW:
        power = 3
    else:
        power = 0 if size < MICROSECONDS_BELOW else -3
    us = int(exact.scaleb(power, EXACT).to_integral_value(context=EXACT)) if exact else 0
    return us if FIRST_US <= us < BEYOND_US else None


def _exact(value: float | str | decimal.Decimal) -> decimal.Decimal | None:
    if isinstance(value, bool):
        return None
    text = value.strip(BLANKS) if isinstance(value, str) else repr(value) if isinstance(value, float) else value
    if isinstance(text, str) and not NUMBER.fullmatch(text):
        return None
    try:
        return decimal.Decimal(text)
    except decimal.InvalidOperation:
        return None
