"""Which strings are numbers, and what they are."""

import re
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.drift.columns import INVALID, NULL, VALUE, NumericColumn

BLANKS: Final = " \t\n\r\f\v"
NUMBER: Final = re.compile(
    r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|(?i:nan|inf|infinity))", re.ASCII
)
PLAIN: Final = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
BOOLEANS: Final = {"true": 1.0, "false": 0.0}


def number(text: str, *, booleans: bool = False) -> float | None:
    """Read a numeric string; None when it is none. One beyond a double is an infinity."""
    bare = text.strip(BLANKS)
    if NUMBER.fullmatch(bare):
        return float(bare)
    return BOOLEANS.get(bare.lower()) if booleans else None


def parse_numbers(text: pa.Array, *, booleans: bool) -> NumericColumn:
    """Read strings as numbers: all at once when each is one, by distinct string otherwise."""
    try:
        cast = pc.cast(text, pa.float64())
    except pa.ArrowInvalid:
        return _parse_some(text, booleans=booleans)
    values = (cast.fill_null(0.0) if cast.null_count else cast).to_numpy(zero_copy_only=False)
    # The cast also takes nan(anything); plain digits make neither NaN nor, within range, an infinity.
    if np.isnan(values).any():
        return _parse_some(text, booleans=booleans)
    return NumericColumn(values, null_state(text))


def null_state(raw: pa.Array) -> NDArray[np.uint8] | None:
    """State of an array in which only null is no value."""
    if not raw.null_count:
        return None
    octets = raw.buffers()[0]
    if octets is None:
        return np.where(raw.is_null().to_numpy(zero_copy_only=False), np.uint8(NULL), np.uint8(VALUE))
    first = raw.offset
    valid = np.unpackbits(np.frombuffer(octets, np.uint8), count=first + len(raw), bitorder="little")[first:]
    return np.where(valid, np.uint8(VALUE), np.uint8(NULL))


def _parse_some(text: pa.Array, *, booleans: bool) -> NumericColumn:
    """Cast what is plainly a number and look at the other strings one by one."""
    plain = pc.fill_null(pc.match_substring_regex(text, PLAIN), False)  # noqa: FBT003
    is_plain = plain.to_numpy(zero_copy_only=False)
    is_null = text.is_null().to_numpy(zero_copy_only=False)
    values = np.zeros(len(text))
    values[is_plain] = pc.cast(text.filter(plain), pa.float64()).to_numpy(zero_copy_only=False)
    state = np.where(is_null, np.uint8(NULL), np.uint8(VALUE))
    odd = ~is_plain & ~is_null
    if odd.any():
        coded = text.filter(pa.array(odd)).dictionary_encode()
        read = [number(word, booleans=booleans) for word in coded.dictionary.to_pylist()]
        words = np.array([0.0 if value is None else value for value in read])
        states = np.array([INVALID if value is None else VALUE for value in read], np.uint8)
        codes = coded.indices.to_numpy(zero_copy_only=False)
        values[odd] = words[codes]
        state[odd] = states[codes]
    return NumericColumn(values, state)
