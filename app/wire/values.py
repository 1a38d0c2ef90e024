"""Raw columns to what is counted: doubles for numeric features, categories for categorical ones."""

import struct
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pyarrow as pa

from app.drift.columns import INVALID, NULL, VALUE, CategoricalColumn, NumericColumn
from app.wire.categories import categories_of_array, categories_of_list
from app.wire.cells import Cells
from app.wire.flat import decoded, flat
from app.wire.numbers import null_state, number, parse_numbers
from app.wire.table import RawColumn
from app.wire.text import as_text, is_bytes

NULLABLE: Final = frozenset({float, int, bool, type(None)})
DOUBLE: Final = pa.float64().id
TEXTUAL: Final = frozenset({str, type(None)})


def numeric(raw: RawColumn, *, text: bool = False) -> NumericColumn:
    """Read a column as doubles; `text` says that `true` and `false` are booleans."""
    if isinstance(raw, Cells):
        return NumericColumn(raw.doubles, None if raw.nulls is None else raw.nulls.astype(np.uint8) * np.uint8(NULL))
    if not isinstance(raw, list):
        return _numeric_array(flat(raw), text=text)
    try:
        return NumericColumn(np.frombuffer(struct.pack(f"{len(raw)}d", *raw), np.float64))
    except (struct.error, OverflowError, TypeError):
        return _numeric_list(raw, text=text)


def categorical(raw: RawColumn, *, text: bool = False) -> CategoricalColumn:
    """Read a column as categories; `text` says that `true` and `false` are booleans in any case."""
    if isinstance(raw, Cells):
        raw = raw.values
    return categories_of_list(raw) if isinstance(raw, list) else categories_of_array(flat(raw), text=text)


def numeric_share(raw: RawColumn, *, text: bool = False) -> tuple[int, int]:
    """Count the values that are numbers, numeric strings or booleans, and those that are not null."""
    state = numeric(raw, text=text).state
    if state is None:
        return len(raw), len(raw)
    return int((state == VALUE).sum()), int((state != NULL).sum())


def _numeric_list(raw: list[Any], *, text: bool) -> NumericColumn:
    kinds = set(map(type, raw))
    if kinds <= TEXTUAL:
        return parse_numbers(_strings(raw), booleans=text)
    if kinds <= NULLABLE:
        try:
            return _numeric_array(pa.array(raw, pa.float64()), text=text)
        except (pa.ArrowException, OverflowError):
            pass
        state = np.fromiter((value is None for value in raw), np.bool_, len(raw)).astype(np.uint8)
        present = [0.0 if value is None else value for value in raw]
        try:
            return NumericColumn(np.frombuffer(struct.pack(f"{len(raw)}d", *present), np.float64), state)
        except (struct.error, OverflowError):
            return NumericColumn(np.array([double(value) for value in present]), state)
    return _numeric_mixed(raw, text=text)


def _numeric_mixed(raw: list[Any], *, text: bool) -> NumericColumn:
    values = np.zeros(len(raw))
    state = np.zeros(len(raw), np.uint8)
    read: dict[str, float | None] = {}
    for row, value in enumerate(raw):
        if isinstance(value, str):
            if value not in read:
                read[value] = number(value, booleans=text)
            found = read[value]
        elif isinstance(value, float | int | Decimal):
            found = double(value)
        else:
            state[row] = NULL if value is None else INVALID
            continue
        if found is None:
            state[row] = INVALID
        else:
            values[row] = found
    return NumericColumn(values, state)


def double(value: float | Decimal) -> float:
    """Round a number of any size to a double; beyond its range it is an infinity."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _strings(raw: list[Any]) -> pa.Array:
    try:
        return pa.array(raw, pa.string())
    except (pa.ArrowException, UnicodeEncodeError):
        safe = [None if value is None else value.encode("utf-8", "replace").decode() for value in raw]
        return pa.array(safe, pa.large_string())


def _numeric_array(raw: pa.Array, *, text: bool) -> NumericColumn:
    kind = raw.type
    if kind.id == DOUBLE:
        return _doubles(raw)
    if pa.types.is_dictionary(kind):
        words, codes = decoded(raw)
        return _taken(_numeric_array(flat(words), text=text), codes)
    if is_bytes(kind):
        return parse_numbers(as_text(raw), booleans=text)
    if pa.types.is_boolean(kind):
        raw = raw.cast(pa.uint8())
    elif pa.types.is_decimal(kind):
        # Arrow's own cast multiplies by a power of ten that is no double, and misses the nearest by a bit.
        raw = raw.cast(pa.string())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        state = np.where(raw.is_null().to_numpy(zero_copy_only=False), np.uint8(NULL), np.uint8(INVALID))
        return NumericColumn(np.zeros(len(raw)), state)
    return _doubles(raw.cast(pa.float64(), safe=False))


def _doubles(raw: pa.Array) -> NumericColumn:
    if not raw.null_count:
        return NumericColumn(raw.to_numpy())
    state, values = null_state(raw), raw.to_numpy(zero_copy_only=False)
    values[state == NULL] = 0.0
    return NumericColumn(values, state)


def _taken(words: NumericColumn, codes: np.ndarray[Any, np.dtype[np.int64]]) -> NumericColumn:
    """Spread the values of a dictionary over its rows; a negative code is null."""
    values = np.append(words.values, 0.0)[codes]
    states = np.zeros(len(words), np.uint8) if words.state is None else words.state
    return NumericColumn(values, np.append(states, np.uint8(NULL))[codes])
