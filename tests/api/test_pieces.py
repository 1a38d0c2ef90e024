"""Large answers in pieces."""

import asyncio
from typing import Any

import pytest

from app.api.pieces import PIECE, Pieces


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 7])
def test_pieces_are_the_whole(size: int) -> None:
    """The bytes arrive as they were, with their length told before, none of them in a large piece."""
    body = bytes(number % 251 for number in range(size))
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        sent.append(message)

    async def receive() -> Any:
        await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    asyncio.run(Pieces(body, headers={"X-A": "b"})({"type": "http"}, receive, send))
    start, *parts = sent
    assert dict(start["headers"])[b"content-length"] == str(size).encode()
    assert b"".join(part["body"] for part in parts) == body
    assert max(len(part["body"]) for part in parts) <= PIECE
    assert [part.get("more_body", False) for part in parts] == [True] * (len(parts) - 1) + [False]
