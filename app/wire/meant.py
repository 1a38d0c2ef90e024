"""How much Arrow columns stand for: views may share bytes, and batches a dictionary, so that little becomes much."""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from app.errors import TooLarge
from app.wire.flat import MAX_VIEWED, is_plain, viewed


def check_meant(columns: Iterable[Any], *, most: int = MAX_VIEWED) -> None:
    """Refuse arrays that would take too long to look through; they need not be sound, but their buffers must be."""
    if sum(_meant(array) for array in columns if not is_plain(array.type)) > most:
        raise TooLarge("body-too-large", f"the columns stand for more than {most} bytes")


def _meant(array: Any) -> int:
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return _meant(array.storage)
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return viewed(array)
    if pa.types.is_dictionary(kind):
        return _meant(array.dictionary)
    return sum(_within(one) for one in _held(array))


def _within(array: Any) -> int:
    """Count a dictionary, too, which every batch has again."""
    own = array.dictionary.get_total_buffer_size() if pa.types.is_dictionary(array.type) else 0
    return int(own) + _meant(array)


def _held(array: Any) -> Iterator[Any]:
    kind = array.type
    if pa.types.is_struct(kind) or pa.types.is_union(kind):
        yield from (array.field(n) for n in range(kind.num_fields))
    elif pa.types.is_map(kind):
        yield from (array.keys, array.items)
    elif hasattr(array, "values"):
        yield array.values
