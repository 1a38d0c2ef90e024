"""The outermost layer: an id for each request, and headers that every answer carries."""

import random
import re
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.heads import header

_LAWFUL: Final = re.compile(r"[\x21-\x7e]{1,128}")
_SAFE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)


class Edge:
    """ASGI middleware that names requests, and echoes the name."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the sender's X-Request-Id if it is lawful, else make one."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sent = header(scope, b"x-request-id") or ""
        request_id = sent if _LAWFUL.fullmatch(sent) else f"req_{random.getrandbits(128):032x}"
        scope.setdefault("state", {})["request_id"] = request_id

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [pair for pair in message.get("headers", ()) if pair[0] != b"x-request-id"]
                named = {name for name, _ in own}
                own += [pair for pair in _SAFE if pair[0] not in named]
                own.append((b"x-request-id", request_id.encode()))
                message["headers"] = own
            await send(message)

        structlog.contextvars.bind_contextvars(request_id=request_id)  # each request has a context of its own
        await self.app(scope, receive, marked)
