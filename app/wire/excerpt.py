"""A few rows of Arrow columns, small enough to be kept, and their values as Python has them."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.errors import TooLarge
from app.wire.categories import plain_values
from app.wire.flat import flat, is_plain
from app.wire.text import as_text, is_bytes

MOST: Final = 32 << 20
"""Bytes that the words of dictionaries may take when written out for each row."""
SHORTEST: Final = 32
_FAULTS: Final = (pa.ArrowException, OverflowError, ValueError)
_MOMENTS: Final = (pa.types.is_timestamp, pa.types.is_date, pa.types.is_time)


def excerpt(columns: Sequence[Any], rows: NDArray[np.int64]) -> list[Any]:
    """Take rows of each column; of a dictionary the words in them, cut where together they would take too much."""
    places = pa.array(rows)
    taken = [_taken(column, places) for column in columns]
    coded = [n for n, column in enumerate(taken) if pa.types.is_dictionary(column.type)]
    sizes = [_size(taken[n]) for n in coded]
    if sum(sizes) > MOST:
        longest = max(SHORTEST, MOST // (len(coded) * len(rows)))
        for n in coded:
            taken[n] = _cut(taken[n], longest)
    return taken


def _taken(column: Any, places: Any) -> Any:
    one = column.chunk(0) if isinstance(column, pa.ChunkedArray) and column.num_chunks == 1 else column
    if pa.types.is_nested(one.type) and not _is_odd(one.type):
        try:
            return _whole(one.take(places))
        except pa.ArrowException:
            pass
    found = _whole((one if is_plain(one.type) else flat(one)).take(places))
    return _thinned(found) if pa.types.is_dictionary(found.type) else found


def _whole(column: Any) -> Any:
    return pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column


def _is_odd(kind: Any) -> bool:
    """Tell whether nanoseconds are in it somewhere, which Python's times do not have."""
    held = [kind.field(n).type for n in range(kind.num_fields)]
    if getattr(kind, "unit", None) == "ns" or not held:
        return getattr(kind, "unit", None) == "ns"
    return any(map(_is_odd, held))


def _thinned(coded: Any) -> Any:
    """Leave out the words that no row has."""
    codes = coded.indices
    used = codes.unique().drop_null()
    places = pc.index_in(codes, used).cast(codes.type)
    return pa.DictionaryArray.from_arrays(places, coded.dictionary.take(used))


def _size(coded: Any) -> int:
    if not is_bytes(coded.dictionary.type):
        return 0
    lengths = pc.binary_length(coded.dictionary).to_numpy(zero_copy_only=False).astype(np.int64)
    return int(lengths[coded.indices.drop_null().to_numpy(zero_copy_only=False)].sum())


def _cut(coded: Any, longest: int) -> Any:
    words = coded.dictionary
    if not is_bytes(words.type):
        return coded
    textual = pa.types.is_string(words.type) or pa.types.is_large_string(words.type)
    slice_of = pc.utf8_slice_codeunits if textual else pc.binary_slice
    return pa.DictionaryArray.from_arrays(coded.indices, slice_of(words, 0, longest))


def values_of(column: Any) -> list[Any]:
    """Give values as Python has them, an object for each that Python does not have; nanoseconds are cut."""
    if isinstance(column, pa.ChunkedArray):
        return [value for chunk in column.chunks for value in values_of(chunk)]
    kind = column.type
    if pa.types.is_dictionary(kind):
        words = values_of(column.dictionary)
        return [None if code is None else words[code] for code in column.indices.to_pylist()]
    if any(test(kind) for test in _MOMENTS):
        return list(plain_values(column))
    if is_bytes(kind):
        column = as_text(column)  # as which they are counted
    elif pa.types.is_duration(kind) and kind.unit == "ns":
        column = pc.cast(column, pa.duration("us"), safe=False)
    try:
        values: list[Any] = (flat(column) if _is_odd(column.type) else column).to_pylist()
    except (*_FAULTS, TooLarge):
        return [{} if there else None for there in column.is_valid().to_pylist()]
    return values
