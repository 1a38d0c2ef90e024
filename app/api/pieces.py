"""A large answer that leaves the event loop to others between its pieces."""

import asyncio
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

PIECE: Final = 256 * 2**10


class Pieces(Response):
    """Ready bytes, sent in pieces: ten megabytes at once would keep the loop from everybody else."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head, then piece by piece."""
        body = memoryview(self.body)
        if len(body) <= PIECE:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for place in range(0, len(body), PIECE):
            await send({"type": "http.response.body", "body": bytes(body[place : place + PIECE]), "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
