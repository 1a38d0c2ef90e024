"""The gate's clock: whoever asked is answered once, whole, also when time runs out or the service stops."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from starlette.types import Message, Receive, Scope, Send

from app.api.gate import Bounds, Gate, Quotas
from app.metrics.instruments import Instruments

SCOPE: Scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "state": {"request_id": "r"}}
BOUNDS = Bounds(document_bytes=1, body_s=0.05, answer_s=0.05)


async def nothing() -> Message:
    """Receive an empty body."""
    return {"type": "http.request", "body": b"", "more_body": False}


def run(handler: Callable[[Scope, Receive, Send], Awaitable[None]], *, cancel_s: float | None = None) -> list[Message]:
    """What was sent by the time the gate returned."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        await asyncio.sleep(0.01)
        sent.append(message)

    async def main() -> None:
        gate = Gate(handler, "/", BOUNDS, Quotas(), Instruments("0"))
        handling = asyncio.ensure_future(gate._hurried(SCOPE, nothing, send))
        if cancel_s is not None:
            await asyncio.sleep(cancel_s)
            handling.cancel()
        await handling

    asyncio.run(main())
    return sent


def test_the_gate_waits_for_the_answer_in_its_handlers_place() -> None:
    """A handler that ends just after its deadline does not leave the request without an answer."""

    async def late(_: Scope, __: Receive, send: Send) -> None:
        await asyncio.sleep(0.055)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    sent = run(late)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 503


def test_a_request_cut_by_a_stopping_service_is_told_so() -> None:
    """The sender learns that nobody knows what was stored, and sends again."""

    async def stuck(_: Scope, __: Receive, ___: Send) -> None:
        await asyncio.sleep(60)

    sent = run(stuck, cancel_s=0.01)
    document = json.loads(sent[1]["body"])
    assert (sent[0]["status"], document["code"], document["stored"]) == (503, "draining", "unknown")
