"""The longest time of a request."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.api.deadline import Deadline

Handler = Callable[[Receive, Send], Awaitable[None]]
SCOPE: Scope = {"type": "http", "method": "PUT", "path": "/", "headers": [], "state": {"request_id": "r"}}


def run(handler: Handler, *, body: list[bytes | None], arrived: bool = False) -> list[Message]:
    """Run a handler under a deadline; a part of None is one that never comes."""
    sent: list[Message] = []

    async def main() -> None:
        parts = iter(body)

        async def receive() -> Message:
            part = next(parts)
            if part is None:
                await asyncio.sleep(60)
            return {"type": "http.request", "body": part, "more_body": part != b"end"}

        async def send(message: Message) -> None:
            sent.append(message)

        deadline = Deadline(SCOPE, send, body_s=0.05, answer_s=0.1)
        deadline.start(arrived=arrived)
        handling = asyncio.ensure_future(handler(deadline.receive(receive), deadline.send))
        await asyncio.wait({handling}, timeout=0.5)
        handling.cancel()
        deadline.stop()

    asyncio.run(main())
    return sent


def problem(sent: list[Message]) -> tuple[int, Any, Any]:
    """Read the one answer."""
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    document = json.loads(sent[1]["body"])
    return sent[0]["status"], document["code"], document["stored"]


async def whole(receive: Receive) -> None:
    """Read to the end."""
    while (await receive())["more_body"]:
        pass


async def answer(send: Send) -> None:
    """Answer 200."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


async def good(receive: Receive, send: Send) -> None:
    """Read and answer."""
    await whole(receive)
    await answer(send)


async def slow(receive: Receive, send: Send) -> None:
    """Read, and answer too late."""
    await whole(receive)
    await asyncio.sleep(0.3)
    await answer(send)


def test_in_time() -> None:
    """An answer in time is the handler's own."""
    assert run(good, body=[b"a", b"end"])[0]["status"] == 200


def test_slow_body() -> None:
    """A body that does not arrive is 408, and nothing was stored."""
    assert problem(run(good, body=[b"a", None])) == (408, "slow-body", "none")


@pytest.mark.parametrize("arrived", [False, True])
def test_slow_answer(arrived: bool) -> None:  # noqa: FBT001 - a parameter
    """An answer too late is 503 in its place; what was stored is not known."""
    assert problem(run(slow, body=[b"end"], arrived=arrived)) == (503, "deadline", "unknown")
