"""Bytes that came as text."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadRequest
from app.wire.octets import unbase64


@given(st.binary())
def test_bytes_come_back(octets: bytes) -> None:
    """What the standard library writes is read."""
    assert unbase64(base64.b64encode(octets).decode()) == octets


@pytest.mark.parametrize("text", ["!", "QQ", "QQ==x!", "Å", None, 3, b"QQ=="])
def test_what_is_no_base64(text: object) -> None:
    """Other letters, a missing end and what is no text are refused."""
    with pytest.raises(BadRequest, match="base64"):
        unbase64(text)
