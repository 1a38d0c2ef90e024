"""Compressed bodies, recognised by their first bytes and inflated within a bound.

HTTP's `deflate` is the zlib format (RFC 9110, section 8.4.1.2), but some senders leave its frame away, and other bytes
under that name are refused. Without the name it is zlib whose checksum holds. Snappy has neither magic bytes nor a
checksum and is read under its name alone, as one block (google/snappy, format_description.txt): its length in seven
bits a byte, then the data.
"""

import zlib
from typing import Final, Protocol

import zstandard

from app.errors import TooLarge, UnsupportedType
from app.wire.faults import clip, undecodable

GZIP_MAGIC: Final = b"\x1f\x8b"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
ZLIB_MAGICS: Final = (b"x\x01", b"x^", b"x\x9c", b"x\xda")
"""Windows of 32 KiB at the four levels that zlib tells apart; one of them is text."""
DEFLATE: Final = frozenset({"deflate", "zlib"})
SNAPPY: Final = "snappy"
SNAPPY_LENGTH_BYTES: Final = 5
ENCODINGS: Final = frozenset({"", "identity", "gzip", "x-gzip", "zstd"}) | DEFLATE
GZIP_STEP: Final = 1 << 16
MEMBERS: Final = 64
"""Members or frames of one body: for each of gzip all that follows is copied."""
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
    if _word(encoding) == SNAPPY:
        return _snappy(body, limit)
    check_encoding(encoding)
    return _opened(body, limit, deflated=_word(encoding) in DEFLATE)


def inflate_hinted(body: bytes, encoding: str | None, *, limit: int) -> bytes:
    """Give the decompressed body of a sender whose word for it is a hint, which is taken if it helps."""
    if _word(encoding) == SNAPPY:
        try:
            return _snappy(body, limit)
        except UnsupportedType:
            pass
    return _opened(body, limit, deflated=False)


def _opened(body: bytes, limit: int, *, deflated: bool) -> bytes:
    if deflated:
        body = _deflated(body, limit)
    elif body.startswith(GZIP_MAGIC):
        body = _gzip(body, limit)
    elif body.startswith(ZSTD_MAGIC):
        body = _zstd(body, limit)
    elif body.startswith(ZLIB_MAGICS):
        plain = _inflated(body, zlib.MAX_WBITS, limit)
        body = body if plain is None else plain
    if len(body) > limit:
        raise too_large(limit)
    return body


def check_encoding(encoding: str | None) -> None:
    """Refuse a Content-Encoding that is not spoken here, and snappy, of which only what it packs can be told."""
    declared = _word(encoding)
    if declared == SNAPPY:
        raise _other_bytes(SNAPPY)
    if declared not in ENCODINGS:
        shown = clip(ascii(declared))
        raise UnsupportedType("unsupported-encoding", f"Content-Encoding {shown} is not gzip, zstd, deflate or snappy")


def _word(encoding: str | None) -> str:
    return (encoding or "").strip().lower()


def _other_bytes(word: str) -> UnsupportedType:
    return UnsupportedType("unsupported-encoding", f"Content-Encoding {word} is not what the bytes are")


def too_large(limit: int) -> TooLarge:
    """Say that the decompressed body is beyond the limit."""
    return TooLarge("body-too-large", f"the body holds more than {limit} bytes when decompressed")


def _gzip(body: bytes, limit: int) -> bytes:
    """Read a series of members (RFC 1952, section 2.2)."""
    parts: list[bytes] = []
    left = limit
    for _ in range(MEMBERS):
        inflater = zlib.decompressobj(wbits=31)
        try:
            parts.append(inflater.decompress(body, left + 1))
        except zlib.error:
            raise undecodable("the gzip data are corrupt") from None
        left -= len(parts[-1])
        if left < 0:
            raise too_large(limit)
        body = inflater.unused_data
        if not (inflater.eof and body.startswith(GZIP_MAGIC)):
            break
    return _whole(inflater, parts[0] if len(parts) == 1 else b"".join(parts), name="gzip")


def _deflated(body: bytes, limit: int) -> bytes:
    """Read what is called deflate, with the frame of zlib or without."""
    plain = _inflated(body, zlib.MAX_WBITS, limit)
    if plain is None:
        plain = _inflated(body, -zlib.MAX_WBITS, limit)
    if plain is None and body.startswith(ZLIB_MAGICS):
        raise undecodable("the deflate data are corrupt or cut short")
    if plain is None:
        raise _other_bytes("deflate")
    return plain


def _snappy(body: bytes, limit: int) -> bytes:
    """Read one block of snappy; its length is believed only within the limit."""
    import pyarrow as pa  # noqa: PLC0415 - only few senders speak it

    length = 0
    for place, octet in enumerate(body[:SNAPPY_LENGTH_BYTES]):
        length |= (octet & 0x7F) << 7 * place
        if octet < 1 << 7:
            break
    if length > limit:
        raise too_large(limit)
    try:
        return bytes(pa.Codec(SNAPPY).decompress(body, decompressed_size=length, asbytes=True))
    except (OSError, ValueError):
        raise _other_bytes(SNAPPY) from None


def is_zlib(head: bytes, *, whole: bool) -> bool:
    """Tell zlib by the first bytes of a file, or by all of them."""
    if not head.startswith(ZLIB_MAGICS):
        return False
    inflater = zlib.decompressobj()
    try:
        inflater.decompress(head)
    except zlib.error:
        return False
    return inflater.eof if whole else not inflater.unused_data


def _inflated(body: bytes, wbits: int, limit: int) -> bytes | None:
    """Give what deflated bytes hold; None when they are none, or not to their end."""
    inflater = zlib.decompressobj(wbits=wbits)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error:
        return None
    if len(plain) > limit:
        raise too_large(limit)
    return plain if inflater.eof and not inflater.unused_data else None


def _zstd(body: bytes, limit: int) -> bytes:
    """Read a series of frames (RFC 8878, section 3)."""
    window = max(SMALLEST_WINDOW, 1 << limit.bit_length())
    decompressor = zstandard.ZstdDecompressor(max_window_size=window)
    inflater = decompressor.decompressobj(write_size=GZIP_STEP)
    plain: list[bytes] = []
    size, start, frames = 0, 0, 1
    try:
        while start < len(body):
            if inflater.eof:
                frames += 1
                if frames > MEMBERS or not body.startswith(ZSTD_MAGIC, start):
                    raise undecodable("there is something after the zstd data")
                inflater = decompressor.decompressobj(write_size=GZIP_STEP)
            step = body[start : start + ZSTD_STEP]
            plain.append(inflater.decompress(step))
            start += len(step) - len(inflater.unused_data)
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
