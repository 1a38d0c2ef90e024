"""The text of an API key: `dm_<id>_<secret>_<crc32>`."""

import hashlib
import re
import secrets
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

PREFIX: Final = "dm"
_ID_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH: Final = 10
_SECRET_LENGTH: Final = 43
_CHECK_LENGTH: Final = 6
_SHAPE: Final = re.compile(
    f"{PREFIX}_([{_ID_LETTERS}]{{{_ID_LENGTH}}})_[0-9A-Za-z]{{{_SECRET_LENGTH}}}_([0-9A-Za-z]{{{_CHECK_LENGTH}}})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A key as its holder knows it; `hash` is all that is kept of it."""

    id: str
    hash: bytes = field(repr=False)
    text: str = field(repr=False)


def mint(random: Callable[[int], bytes] = secrets.token_bytes) -> Token:
    """Make a key of 256 random bits with an id of 50."""
    bits = int.from_bytes(random(7), "big")
    ident = "".join(_ID_LETTERS[bits >> 5 * position & 31] for position in range(_ID_LENGTH))
    body = f"{PREFIX}_{ident}_{_digits(int.from_bytes(random(32), 'big'), _SECRET_LENGTH)}"
    return _token(ident, f"{body}_{_checksum(body)}")


def read(text: str) -> Token | None:
    """Read a key; None when its shape or its checksum is wrong."""
    match = _SHAPE.fullmatch(text)
    if match is None or _checksum(text[: -_CHECK_LENGTH - 1]) != match[2]:
        return None
    return _token(match[1], text)


def _token(ident: str, text: str) -> Token:
    return Token(ident, hashlib.sha256(text.encode("ascii")).digest(), text)


def _checksum(body: str) -> str:
    return _digits(zlib.crc32(body.encode("ascii")), _CHECK_LENGTH)


def _digits(number: int, length: int) -> str:
    """Write a number with the given count of base-62 digits."""
    written = ""
    for _ in range(length):
        number, digit = divmod(number, len(_LETTERS))
        written = _LETTERS[digit] + written
    return written
