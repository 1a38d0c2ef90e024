"""Compressed bodies, recognised by their first bytes and inflated within a bound.

What an encoding is called is a hint, which is taken when it helps. HTTP's `deflate` is the zlib format (RFC 9110,
section 8.4.1.2), but some senders leave its frame away; without the name it is zlib whose checksum holds. Snappy has
neither magic bytes nor a checksum and is read under its name alone, as one block (google/snappy,
format_description.txt): its length in seven bits a byte, then the data.
"""

import zlib
from typing import Final, Protocol

import zstandard

from app.errors import TooLarge
from app.wire.faults import clip, undecodable

GZIP_MAGIC: Final = b"\x1f\x8b"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
ZLIB_MAGICS: Final = (b"x\x01", b"x^", b"x\x9c", b"x\xda")
"""Windows of 32 KiB at the four levels that zlib tells apart; one of them is text."""
DEFLATE: Final = frozenset({"deflate", "zlib"})
SNAPPY: Final = "snappy"
SNAPPY_LENGTH_BYTES: Final = 5
MARKED: Final = frozenset({"", "identity", "gzip", "x-gzip", "zstd"})
"""Encodings whose bytes tell them."""
ARROW_MAGIC: Final = b"\xff\xff\xff\xff"
"""As the length of a block of snappy it would be more than any body may hold."""
SNAPPY_RATIO: Final = 32
"""More than any block of snappy grows: an element of three bytes stands for at most 64."""
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
    """Give the decompressed body, or the body itself when neither its bytes nor `encoding` tell how to."""
    word = _word(encoding)
    plain = _snappy(body, limit) if word == SNAPPY else _deflated(body, limit) if word in DEFLATE else None
    if plain is None:
        plain = _told_by_bytes(body, limit)
    if len(plain) > limit:
        raise too_large(limit)
    return plain


def _told_by_bytes(body: bytes, limit: int) -> bytes:
    if body.startswith(GZIP_MAGIC):
        return _gzip(body, limit)
    if body.startswith(ZSTD_MAGIC):
        return _zstd(body, limit)
    plain = _inflated(body, zlib.MAX_WBITS, limit) if body.startswith(ZLIB_MAGICS) else None
    return body if plain is None else plain


def misnamed(encoding: str | None, *, inflated: bool = False) -> str | None:
    """Say why a body may be unreadable; None when its bytes would have told, or when it was inflated by that name."""
    word = _word(encoding)
    if word in MARKED:
        return None
    if word == SNAPPY or word in DEFLATE:
        return None if inflated else f"Content-Encoding {word} is not what the bytes are"
    return f"Content-Encoding {clip(ascii(word))} is not gzip, zstd, deflate or snappy"


def _word(encoding: str | None) -> str:
    return (encoding or "").strip().lower()


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


def _deflated(body: bytes, limit: int) -> bytes | None:
    """Read what is called deflate, with the frame of zlib or without; None when it is something else."""
    plain = _inflated(body, zlib.MAX_WBITS, limit)
    if plain is None:
        plain = _inflated(body, -zlib.MAX_WBITS, limit)
    if plain is None and body.startswith(ZLIB_MAGICS) and not body.isascii():
        raise undecodable("the deflate data are corrupt or cut short")
    return plain


def _snappy(body: bytes, limit: int) -> bytes | None:
    """Read one block of snappy, whose length is believed only within the limit; None when it is something else."""
    import pyarrow as pa  # noqa: PLC0415 - only few senders speak it

    if body.startswith(ARROW_MAGIC):
        return None
    length = 0
    for place, octet in enumerate(body[:SNAPPY_LENGTH_BYTES]):
        length |= (octet & 0x7F) << 7 * place
        if octet < 1 << 7:
            break
    if length > SNAPPY_RATIO * len(body):
        return None
    if length > limit:
        raise too_large(limit)
    try:
        return bytes(pa.Codec(SNAPPY).decompress(body, decompressed_size=length, asbytes=True))
    except (OSError, ValueError):
        return None


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
