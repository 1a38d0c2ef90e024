"""Values as the text by which a categorical feature tells them apart."""

import datetime as dt
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.drift.columns import INVALID_CODE, NULL_CODE, CategoricalColumn
from app.wire.exact import ExactColumn
from app.wire.flat import decoded, flat
from app.wire.numbers import BLANKS
from app.wire.text import as_text, is_bytes

Word = str | int
"""A category's text, or NULL_CODE or INVALID_CODE."""

NUMBERS: Final = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
MOMENTS: Final = (pa.types.is_timestamp, pa.types.is_date, pa.types.is_time)
BEYOND_64_BITS: Final = 2.0**63
PLAIN: Final = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
BOOLEANS: Final = {"true": "true", "false": "false"}
FIRST_S: Final = dt.datetime(1, 1, 3, tzinfo=dt.UTC).timestamp()
LAST_S: Final = dt.datetime(9999, 12, 29, tzinfo=dt.UTC).timestamp()
PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def categories_of_list(raw: list[Any]) -> CategoricalColumn:
    """Read JSON values as categories."""
    kinds = set(map(type, raw)) - {type(None)}
    if float in kinds and isinstance(raw, ExactColumn) and any(map(_may_be_rounded, raw)):
        return categories_of_list(raw.again())
    plain = PLAIN.get(kinds.pop()) if len(kinds) == 1 else None
    try:
        return categories_of_array(pa.array(raw, plain), text=False) if plain else _by_value(raw)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        return _by_value(raw)


def _may_be_rounded(value: object) -> bool:
    return isinstance(value, float) and BEYOND_64_BITS <= abs(value) < math.inf


def _by_value(raw: list[Any]) -> CategoricalColumn:
    """Number the distinct values; 1, 1.0 and true are equal in Python, so the type is part of the key."""
    words: list[Word] = []
    known: dict[tuple[type, Any], int] = {}
    codes = np.empty(len(raw), np.int64)
    for row, value in enumerate(raw):
        kind = type(value)
        key = (kind, None if kind in {dict, list} else value)
        code = known.get(key)
        if code is None:
            code = known[key] = len(words)
            words.append(word(value))
        codes[row] = code
    return _column(words, codes)


def categories_of_array(raw: Any, *, text: bool) -> CategoricalColumn:
    """Read a plain Arrow array as categories."""
    if not pa.types.is_dictionary(raw.type):
        if is_bytes(raw.type):
            raw = as_text(raw).dictionary_encode()
            words = raw.dictionary.to_pylist()
            if not (text and _may_be_booleans(words)):
                # Each word is there once, and some row has it.
                return CategoricalColumn(raw.indices.fill_null(NULL_CODE).to_numpy(), tuple(words))
        elif speller(raw.type) is None:
            codes = np.where(raw.is_null().to_numpy(zero_copy_only=False), NULL_CODE, INVALID_CODE)
            return CategoricalColumn(codes.astype(np.int32), ())
        else:
            raw = raw.dictionary_encode()
    dictionary, codes = decoded(raw)
    return _column(_words(flat(dictionary), text=text), codes)


def _words(dictionary: Any, *, text: bool) -> list[Word]:
    if pa.types.is_dictionary(dictionary.type):
        inner = categories_of_array(dictionary, text=text)
        return [int(code) if code < 0 else inner.categories[code] for code in inner.codes]
    if is_bytes(dictionary.type):
        values = as_text(dictionary).to_pylist()
        spell: Callable[[Any], Word] | None = (
            (lambda cell: BOOLEANS.get(cell.strip(BLANKS).lower(), cell)) if text and _may_be_booleans(values) else str
        )
    else:
        spell = speller(dictionary.type)
        values = plain_values(dictionary) if spell is not None else [None] * len(dictionary)
    if spell is None:
        return [INVALID_CODE if valid.as_py() else NULL_CODE for valid in dictionary.is_valid()]
    return [NULL_CODE if value is None else spell(value) for value in values]


def _may_be_booleans(words: list[str | None]) -> bool:
    said = "\n".join(filter(None, words)).lower()
    return any(boolean in said for boolean in BOOLEANS)


def speller(kind: pa.DataType) -> Callable[[Any], Word] | None:
    """Give the way to spell values of an Arrow type; None when they are no categories."""
    if any(test(kind) for test in NUMBERS):
        return word
    return moment if any(test(kind) for test in MOMENTS) else None


def plain_values(dictionary: Any) -> Sequence[Any]:
    """Give the values as Python has them; times are cut to microseconds."""
    kind = dictionary.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        dictionary = dictionary.cast(pa.timestamp("us", kind.tz), safe=False)
    elif pa.types.is_time64(kind):
        dictionary = dictionary.cast(pa.time64("us"), safe=False)
    try:
        values: list[Any] = dictionary.to_pylist()
    except (pa.ArrowException, OverflowError, ValueError):
        return _within_years(dictionary)
    return values


def _within_years(moments: Any) -> list[Any]:
    """Give dates or times with an object for each that Python's calendar does not have, or whose zone nobody knows."""
    kind = moments.type
    counted = (
        moments.cast(pa.timestamp("s" if pa.types.is_date32(kind) else "ms")) if pa.types.is_date(kind) else moments
    )
    seconds = counted.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False) / PER_SECOND[counted.type.unit]
    known = pa.array((seconds > FIRST_S) & (seconds < LAST_S))
    try:
        values = pc.if_else(known, moments, None).to_pylist()
    except (pa.ArrowException, OverflowError, ValueError):
        values = [None] * len(moments)
    return [
        {} if value is None and there else value
        for value, there in zip(values, moments.is_valid().to_pylist(), strict=True)
    ]


def moment(value: object) -> Word:
    """Write a date or time as ISO 8601, UTC as Z."""
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, dt.date | dt.time) else INVALID_CODE


def word(value: object) -> Word:  # noqa: PLR0911 - one return for each kind of value
    """Write a JSON value as a category."""
    match value:
        case None:
            return NULL_CODE
        case bool():
            return "true" if value else "false"
        case str():
            return value.encode("utf-8", "replace").decode()
        case int():
            return str(value)
        case float():
            return _float_word(value)
        case Decimal():
            return str(int(value)) if value == value.to_integral_value() else _float_word(float(value))
        case _:
            return INVALID_CODE


def _float_word(value: float) -> Word:
    if math.isnan(value):
        return NULL_CODE
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value).removesuffix(".0") if value else "0"


def _column(words: Sequence[Word], codes: NDArray[np.int64]) -> CategoricalColumn:
    """Give each distinct text one code; texts that no row holds are left out."""
    used = np.bincount(codes + 1, minlength=len(words) + 1)[1:] > 0
    if used.all() and len(set(words)) == len(words) and set(map(type, words)) <= {str}:
        return CategoricalColumn(codes.astype(np.int32), tuple(map(str, words)))
    known: dict[str, int] = {}
    recoded = np.full(len(words) + 1, NULL_CODE, np.int32)
    for code in np.flatnonzero(used):
        text = words[int(code)]
        recoded[code] = known.setdefault(text, len(known)) if isinstance(text, str) else text
    return CategoricalColumn(recoded[codes], tuple(known))
