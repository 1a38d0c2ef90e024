"""Arrow columns of any make to one plain array."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from app.errors import TooLarge

MAX_VIEWED = 256 << 20


def flat(raw: Any) -> Any:
    """Give one array that is neither chunked nor extended nor run-end encoded nor a view."""
    if isinstance(raw, pa.ChunkedArray):
        raw = _one(raw)
    if isinstance(raw, pa.ExtensionArray):
        return flat(raw.storage)
    if pa.types.is_run_end_encoded(raw.type):
        return _runs(raw)
    if pa.types.is_string_view(raw.type) or pa.types.is_binary_view(raw.type):
        # Views may share their bytes: a small body can stand for any amount of text.
        if _viewed(raw) > MAX_VIEWED:
            raise TooLarge("body-too-large", "a column of views stands for too much text")
        return raw.cast(pa.large_string() if pa.types.is_string_view(raw.type) else pa.large_binary())
    return raw


def _one(raw: pa.ChunkedArray) -> Any:
    if raw.num_chunks == 1:
        return raw.chunk(0)
    if raw.num_chunks == 0:
        return pa.array([], raw.type)
    if pa.types.is_dictionary(raw.type):
        raw = raw.unify_dictionaries()
    return pa.concat_arrays(raw.chunks)


def _viewed(raw: Any) -> int:
    """Count the bytes that views stand for; the first of the four words of a view is its length."""
    views = np.frombuffer(raw.buffers()[1], "<i4").reshape(-1, 4)
    return int(views[raw.offset : raw.offset + len(raw), 0].sum(dtype=np.int64)) if len(raw) else 0


def _runs(raw: Any) -> Any:
    lengths = np.diff(raw.run_ends.to_numpy(), prepend=0)
    lengths[-1:] -= lengths.sum() - len(raw)
    codes = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    return pa.DictionaryArray.from_arrays(pa.array(codes), flat(raw.values))


def decoded(raw: pa.DictionaryArray) -> tuple[Any, NDArray[np.int64]]:
    """Give a dictionary array's words and a code for each row, -1 for null."""
    codes = pc.cast(raw.indices, pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    return raw.dictionary, codes
