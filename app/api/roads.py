"""Going down a road from the event loop: no thread waits for a commit, and a short road needs none at all."""

import asyncio
import threading
import uuid
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from app.errors import Problem
from app.monitor import ingest, mirror
from app.monitor.halves import Asked
from app.monitor.ingest import Envelope, Pace
from app.monitor.road import Road, onward
from app.monitor.service import Service
from app.storage.ledger import Outcome


async def batch(service: Service, model: str, *, envelope: Envelope, body: bytes) -> dict[str, Any]:
    """Record a body of rows; gives the receipt."""
    pace = await decided(partial(ingest.pace_of, service, model, envelope=envelope, body=body))
    return await walk(ingest.batch(service, model, envelope=envelope, body=body, pace=pace), away=pace is Pace.HARD)


async def histograms(service: Service, model: str, *, envelope: Envelope, body: bytes) -> dict[str, Any]:
    """Record a body of window histograms; gives the receipt."""
    pace = ingest.pace_of(service, model, envelope=envelope, body=body)
    pace = pace if pace is Pace.LIGHT else Pace.HARD
    away = pace is Pace.HARD
    return await walk(ingest.histograms(service, model, envelope=envelope, body=body, pace=pace), away=away)


async def mirrored(
    service: Service, model: str, *, asked: Asked, request: Request, body: bytes, kind: str
) -> dict[str, Any]:
    """Record the rows of a mirrored request; gives the receipt."""
    headers, batch_id = request.headers, mirror.batch_id_of(request.headers) or uuid.uuid4().hex
    pace = await decided(partial(mirror.pace_of, service, model, asked=asked, headers=headers, body=body))
    road = mirror.road(service, model, kind=kind, batch_id=batch_id, asked=asked, headers=headers, body=body, pace=pace)
    return await walk(road, away=pace is Pace.HARD)


async def walk(road: Road, *, away: bool) -> dict[str, Any]:
    """Go to the end of a road, in a thread as long as it is told to be hard."""
    found: Outcome | Exception | None = None
    try:
        while True:
            met = await run_in_threadpool(_step, road, found) if away else _step(road, found)
            if isinstance(met, dict):
                return met
            away = met is None
            found = None if met is None else await _settled(met)
    finally:
        road.close()


async def decided(pace_of: Callable[[], Pace]) -> Pace:
    """Tell where a road begins, one that takes some time only in a turn of its own."""
    pace = pace_of()
    if pace is Pace.BRISK:
        await alone()
        pace = pace_of()  # of the model as it is known by now
    return pace


async def alone() -> None:
    """Wait for a turn of the event loop in which nobody else got this far; what goes on at once has that turn."""
    loop = asyncio.get_running_loop()
    door = _DOORS.get(loop) or _DOORS.setdefault(loop, asyncio.Lock())
    await door.acquire()
    loop.call_soon(door.release)


def _step(road: Road, found: Outcome | Exception | None) -> Future[Outcome] | dict[str, Any] | None:
    try:
        return onward(road, found)
    except StopIteration as end:
        receipt: dict[str, Any] = end.value
        return receipt


async def _settled(future: Future[Outcome]) -> Outcome | Exception:
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[Outcome] = loop.create_future()
    answers = _ANSWERS.get(loop) or _ANSWERS.setdefault(loop, _Answers(loop))
    future.add_done_callback(partial(answers.put, waiter))
    try:
        return await waiter
    except Problem as problem:
        return problem
    finally:
        future.cancel()


class _Answers:
    """Brings what the committer found to the event loop of this thread, all of a group at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._thread = threading.get_ident()
        self._lock = threading.Lock()
        self._found: list[tuple[asyncio.Future[Outcome], Future[Outcome]]] = []

    def put(self, waiter: asyncio.Future[Outcome], future: Future[Outcome]) -> None:
        """Take an answer from any thread."""
        with self._lock:
            self._found.append((waiter, future))
            first = len(self._found) == 1
        loop = self._loop()
        if not first or loop is None or loop.is_closed():
            return
        (loop.call_soon if threading.get_ident() == self._thread else loop.call_soon_threadsafe)(self._give)

    def _give(self) -> None:
        with self._lock:
            found, self._found = self._found, []
        for waiter, future in found:
            if waiter.done() or future.cancelled():
                continue
            error = future.exception()
            if error is None:
                waiter.set_result(future.result())
            else:
                waiter.set_exception(error)


_ANSWERS: Final[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Answers]] = weakref.WeakKeyDictionary()
_DOORS: Final[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]] = weakref.WeakKeyDictionary()
