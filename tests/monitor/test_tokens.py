"""The text of a key."""

import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.monitor.tokens import mint, read

ZERO = mint(bytes)


def test_shape() -> None:
    """A key of zero bits is known in every character but the checksum, which is CRC-32 in base 62."""
    prefix, ident, secret, check = ZERO.text.split("_")
    assert (prefix, ident, secret) == ("dm", "a" * 10, "0" * 43)
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for letter in check:
        number = number * 62 + digits.index(letter)
    assert number == zlib.crc32(ZERO.text.rpartition("_")[0].encode())
    assert len(check) == 6


def test_all_bits_count() -> None:
    """256 bits of one need 43 digits, and differ from those of zero."""
    full = mint(lambda size: b"\xff" * size)
    assert len(full.text) == len(ZERO.text)
    assert read(full.text) == full


def test_what_is_kept() -> None:
    """The hash is SHA-256 of the text, and neither shows up in a representation."""
    token = mint()
    assert token.hash == hashlib.sha256(token.text.encode()).digest()
    assert token.text not in repr(token)
    assert mint().text != token.text


@given(position=st.integers(0, len(ZERO.text) - 1), letter=st.characters())
def test_one_character_off(position: int, letter: str) -> None:
    """A key with any one character changed is no key."""
    changed = ZERO.text[:position] + letter + ZERO.text[position + 1 :]
    assert (read(changed) is None) == (changed != ZERO.text)


@pytest.mark.parametrize("text", ["", "dm_", ZERO.text + "\n", " " + ZERO.text, ZERO.text.upper(), ZERO.text * 2])
def test_no_key(text: str) -> None:
    """Anything around a key or short of it is no key."""
    assert read(text) is None
