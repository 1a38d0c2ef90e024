"""Text columns out of bytes that may not be UTF-8."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

TEXT = pa.large_string()


def is_bytes(kind: pa.DataType) -> bool:
    """Tell text and bytes of any width from everything else."""
    types = pa.types
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_binary_view(kind)
        or types.is_fixed_size_binary(kind)
    )


def as_text(raw: Any) -> Any:
    """Read bytes as UTF-8; what is no UTF-8 is replaced in its own cell."""
    if pa.types.is_string(raw.type) or pa.types.is_large_string(raw.type):
        return raw
    octets = raw.cast(pa.large_binary()) if pa.types.is_fixed_size_binary(raw.type) else raw
    try:
        return octets.cast(TEXT)
    except pa.ArrowInvalid:
        cells = [None if cell is None else cell.decode("utf-8", "replace") for cell in octets.to_pylist()]
        return pa.array(cells, TEXT)


def repaired(octets: bytes) -> bytes:
    """Give the bytes if they are UTF-8, else with what is not replaced."""
    if octets.isascii():
        return octets
    try:
        octets.decode()
    except UnicodeDecodeError:
        return octets.decode("utf-8", "replace").encode()
    return octets


def trimmed(text: Any) -> Any:
    """Take ASCII blanks off both ends."""
    return pc.ascii_trim_whitespace(text)
