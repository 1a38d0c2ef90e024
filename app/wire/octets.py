"""Bytes that came as text."""

import base64
import binascii

from app.wire.faults import undecodable


def unbase64(text: object) -> bytes:
    """Read base64, and nothing beside it; BadRequest when it is none."""
    try:
        return base64.b64decode(text if isinstance(text, str) else "!", validate=True)
    except (binascii.Error, ValueError):
        raise undecodable("the data are no base64") from None
