"""JSON as the service writes it."""

from typing import Any

import orjson
from starlette.responses import Response


def encode(value: object) -> bytes:
    """Write a value as compact JSON; NaN and infinities become null."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


class Json(Response):
    """A JSON answer."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode the answer's value."""
        return encode(content)
