"""Routing on the path as it was sent, so that %2F stays inside a name."""

from starlette.types import ASGIApp, Receive, Scope, Send


class RawPath:
    """ASGI middleware that routes on the percent-encoded path."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Replace the decoded path by the raw one."""
        if scope["type"] == "http" and scope.get("raw_path") is not None:
            raw = scope["raw_path"].split(b"?", 1)[0]
            scope = {**scope, "path": raw.decode("latin-1")}
        await self.app(scope, receive, send)
