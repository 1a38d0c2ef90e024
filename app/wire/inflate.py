"""Compressed bodies, recognised by their first bytes and inflated within a bound."""

import zlib
from typing import Final, Protocol

import zstandard

from app.errors import TooLarge, UnsupportedType
from app.wire.faults import clip, undecodable

GZIP_MAGIC: Final = b"\x1f\x8b"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
ENCODINGS: Final = frozenset({"", "identity", "gzip", "x-gzip", "zstd"})
GZIP_STEP: Final = 1 << 16
# A zstd block is at most 128 KiB and takes at least 4 bytes: one step makes at most 16 MiB.
ZSTD_STEP: Final = 512
SMALLEST_WINDOW: Final = 1 << 23


class _Inflater(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...


def inflate(body: bytes, encoding: str | None, *, limit: int) -> bytes:
    """Give the decompressed body; its bytes decide, `encoding` is only checked for being known."""
    check_encoding(encoding)
    if body.startswith(GZIP_MAGIC):
        body = _gzip(body, limit)
    elif body.startswith(ZSTD_MAGIC):
        body = _zstd(body, limit)
    if len(body) > limit:
        raise too_large(limit)
    return body


def check_encoding(encoding: str | None) -> None:
    """Refuse a Content-Encoding that is not spoken here."""
    declared = (encoding or "").strip().lower()
    if declared not in ENCODINGS:
        raise UnsupportedType("unsupported-encoding", f"Content-Encoding {clip(ascii(declared))} is not gzip or zstd")


def too_large(limit: int) -> TooLarge:
    """Say that the decompressed body is beyond the limit."""
    return TooLarge("body-too-large", f"the body holds more than {limit} bytes when decompressed")


def _gzip(body: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise undecodable("the gzip data are corrupt") from None
    if len(plain) > limit:
        raise too_large(limit)
    return _whole(inflater, plain, name="gzip")


def _zstd(body: bytes, limit: int) -> bytes:
    window = max(SMALLEST_WINDOW, 1 << limit.bit_length())
    inflater = zstandard.ZstdDecompressor(max_window_size=window).decompressobj(write_size=GZIP_STEP)
    plain: list[bytes] = []
    size = 0
    try:
        for start in range(0, len(body), ZSTD_STEP):
            if inflater.eof:
                raise undecodable("there is something after the zstd frame")
            plain.append(inflater.decompress(body[start : start + ZSTD_STEP]))
            size += len(plain[-1])
            if size > limit:
                raise too_large(limit)
    except zstandard.ZstdError:
        raise undecodable("the zstd data are corrupt") from None
    return _whole(inflater, b"".join(plain), name="zstd")


def _whole(inflater: _Inflater, plain: bytes, *, name: str) -> bytes:
    if not inflater.eof:
        raise undecodable(f"the {name} data are cut short")
    if inflater.unused_data:
        raise undecodable(f"there is something after the {name} data")
    return plain
