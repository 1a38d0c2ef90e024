"""The last net: an unexpected error is logged and answered, and the connection lives on."""

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import bug

log = structlog.get_logger()


class Shield:
    """ASGI middleware that answers 500 for whatever nobody else answered."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through; a bug before the answer begins becomes a problem document."""
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            log.exception("unexpected error", path=scope["path"], error=type(error).__name__)
            await bug(Request(scope))(scope, receive, send)
