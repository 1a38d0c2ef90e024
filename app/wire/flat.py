"""Arrow columns of any make to one plain array."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.errors import TooLarge

MAX_VIEWED: Final = 256 << 20
MAX_WORDS: Final = 8 << 20
"""Words of all dictionaries of one column, which is read in several batches."""
_WIDTH: Final = 32
_PLAIN: Final = frozenset(
    kind.id
    for kind in (
        *(pa.float64(), pa.float32(), pa.float16(), pa.bool_(), pa.null()),
        *(pa.int64(), pa.int32(), pa.int16(), pa.int8(), pa.uint64(), pa.uint32(), pa.uint16(), pa.uint8()),
        *(pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.binary(1)),
        *(pa.timestamp("us"), pa.date32(), pa.date64(), pa.time32("s"), pa.time64("us"), pa.duration("us")),
        *(pa.decimal128(1), pa.decimal256(1)),
    )
)


def is_plain(kind: Any) -> bool:
    """Tell whether columns of a type are plain as they are."""
    return kind.id in _PLAIN


def flat(raw: Any) -> Any:  # noqa: PLR0911 - one return for each make
    """Give one array that is neither chunked nor extended nor run-end encoded nor a view.

    What holds other arrays is neither a number nor text, whatever is in it: it becomes an array of empty lists. The
    words of a dictionary are plain and none of them is null.
    """
    kind = raw.type
    if isinstance(raw, pa.ChunkedArray):
        return _one(raw.chunks, kind)
    if kind.id in _PLAIN:
        return raw
    if isinstance(raw, pa.ExtensionArray):
        return flat(raw.storage)
    if pa.types.is_run_end_encoded(kind):
        return flat(_runs(raw))
    if pa.types.is_dictionary(kind):
        return _dictionary(raw)
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        # Views may share their bytes: a small body can stand for any amount of text.
        if viewed(raw) > MAX_VIEWED:
            raise TooLarge("body-too-large", "a column of views stands for too much text")
        return raw.cast(pa.large_string() if pa.types.is_string_view(kind) else pa.large_binary())
    if pa.types.is_decimal(kind):
        return raw.cast(pa.decimal128(kind.precision, kind.scale))
    return _strange(raw)


def _one(chunks: list[Any], kind: pa.DataType) -> Any:
    if pa.types.is_dictionary(kind):
        chunks = list(joined(chunks))
    if len(chunks) > 1 and sum(map(_words, chunks)) > MAX_WORDS:
        raise TooLarge("body-too-large", f"the dictionaries of a column hold more than {MAX_WORDS} words")
    plain = [flat(chunk) for chunk in chunks]
    if len(plain) == 1:
        return plain[0]
    if not plain:
        return flat(pa.array([], kind)) if kind.id in _PLAIN else pa.nulls(0)
    if pa.types.is_dictionary(plain[0].type):
        plain = pa.chunked_array([_wide(chunk) for chunk in plain]).unify_dictionaries().chunks
    return pa.concat_arrays(plain)


def joined(chunks: list[pa.DictionaryArray]) -> Iterator[pa.DictionaryArray]:
    """Join neighbours that have one dictionary, which would be looked through for each of them."""
    for _, alike in groupby(chunks, lambda chunk: _place(chunk.dictionary)):
        own = list(alike)
        codes = pa.concat_arrays([chunk.indices for chunk in own]) if len(own) > 1 else own[0].indices
        yield pa.DictionaryArray.from_arrays(codes, own[0].dictionary)


def _place(array: Any) -> tuple[int, ...]:
    """Tell where an array lies in memory."""
    inner = _place(array.dictionary) if pa.types.is_dictionary(array.type) else ()
    return (array.offset, len(array), *(octets.address if octets else 0 for octets in array.buffers()), *inner)


def _words(array: Any) -> int:
    """Count the words of a dictionary, wherever it is."""
    if isinstance(array, pa.ExtensionArray):
        return _words(array.storage)
    if pa.types.is_run_end_encoded(array.type):
        return _words(array.values)
    return len(array.dictionary) + _words(array.dictionary) if pa.types.is_dictionary(array.type) else 0


def _wide(raw: pa.DictionaryArray) -> pa.DictionaryArray:
    """Make room for the words of other dictionaries."""
    codes = raw.indices
    return pa.DictionaryArray.from_arrays(
        codes.cast(pa.int32()) if codes.type.bit_width < _WIDTH else codes, raw.dictionary
    )


def viewed(raw: Any) -> int:
    """Count the bytes that views stand for; the first of the four words of a view is its length."""
    views = np.frombuffer(raw.buffers()[1], "<i4").reshape(-1, 4)
    return int(views[raw.offset : raw.offset + len(raw), 0].sum(dtype=np.int64)) if len(raw) else 0


def _runs(raw: Any) -> Any:
    ends = np.clip(raw.run_ends.to_numpy() - np.int64(raw.offset), 0, len(raw))
    codes = np.repeat(np.arange(len(ends), dtype=np.int32), np.diff(ends, prepend=0))
    return pa.DictionaryArray.from_arrays(pa.array(codes), flat(raw.values))


def _dictionary(raw: pa.DictionaryArray) -> Any:
    """Make the words of a dictionary plain, and its codes null where their words are."""
    words, codes = flat(raw.dictionary), raw.indices
    if pa.types.is_dictionary(words.type):
        return pa.DictionaryArray.from_arrays(words.indices.take(codes), words.dictionary)
    if pa.types.is_null(words.type):
        return pa.nulls(len(raw))
    if pa.types.is_list(words.type):
        return words.take(codes)
    if words.null_count:
        present = words.is_valid().to_numpy(zero_copy_only=False)
        places = pa.array(np.cumsum(present) - 1, codes.type, mask=~present)
        return pa.DictionaryArray.from_arrays(places.take(codes), words.drop_null())
    return raw if words is raw.dictionary else pa.DictionaryArray.from_arrays(codes, words)


def _strange(raw: Any) -> Any:
    null = raw.is_null().to_numpy(zero_copy_only=False)
    return pa.ListArray.from_arrays(pa.array(np.zeros(len(raw) + 1, np.int32)), pa.nulls(0), mask=pa.array(null))


def decoded(raw: pa.DictionaryArray) -> tuple[Any, NDArray[np.int64]]:
    """Give a dictionary array's words and a code for each row, -1 for null."""
    codes = pc.cast(raw.indices, pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    return raw.dictionary, codes
