"""What a refused request leaves behind: nothing, without waiting for a search for garbage."""

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import problems
from app.api.express import Express
from app.api.gate import Bounds, Gate, Quotas
from app.errors import Refused
from app.metrics.instruments import Instruments

PATH = "/v1/models/m/batches/b"


class Large:
    """Stands for everything that reading a body made."""


@pytest.fixture(autouse=True)
def _uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def refuse(seen: list[Any]) -> None:
    """Refuse what is large, because it could not be read."""
    large = Large()
    seen.append(weakref.ref(large))
    try:
        int(f"{large}")
    except ValueError:
        raise Refused("too-many-rows", "no") from None


def left(app: ASGIApp, seen: list[Any], *, status: int) -> list[Any]:
    """What is left of the large after a request was answered."""

    async def ask() -> list[Any]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            answer = await client.put(PATH)
        await asyncio.sleep(0.1)
        assert answer.status_code == status
        assert seen
        return [one() for one in seen if one() is not None]

    return asyncio.run(ask())


def refusing(seen: list[Any], *, after_s: float = 0.0) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """A handler that refuses in a thread."""

    async def handler(_: Scope, receive: Receive, __: Send) -> None:
        await receive()
        await asyncio.sleep(after_s)
        await run_in_threadpool(refuse, seen)

    return handler


def test_a_route_that_refuses_keeps_nothing() -> None:
    """Reference counts alone free what a handler held."""
    app, seen = FastAPI(), list[Any]()
    problems.install(app)

    @app.put(PATH)
    def put() -> None:
        refuse(seen)

    assert left(app, seen, status=422) == []


def test_the_short_way_keeps_nothing() -> None:
    """A plain delivery that is refused leaves no frames, whose variables hold what was read."""
    seen = list[Any]()
    short: Any = {"service": None, "intake": None, "gated": lambda _, __: refusing(seen)}
    assert left(Express(FastAPI(), **short), seen, status=422) == []


def test_a_refusal_after_the_deadline_keeps_nothing() -> None:
    """What comes too late is dropped with everything that it held."""
    seen = list[Any]()
    gate = Gate(refusing(seen, after_s=0.05), "/", Bounds(1, 0.01, 0.01), Quotas(), Instruments("0"))

    async def hurried(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"request_id": "r"}
        await gate._hurried(scope, receive, send)

    assert left(hurried, seen, status=503) == []
