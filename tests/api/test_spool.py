"""Bodies that are worked on while they come."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from app.api import spool as door
from app.api.spool import BEGINNING, Spool
from app.errors import BadRequest, Refused, TooLarge
from app.wire import vacating
from app.wire.arriving import Arriving
from app.wire.csvrows import HEADER_BYTES

HALF = b"x" * BEGINNING
PATIENCE_S = 60.0


def request(parts: AsyncIterator[bytes | None]) -> Request:
    """A request whose sender gives these parts, and goes away at None."""

    async def receive() -> dict[str, Any]:
        async for part in parts:
            if part is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": part, "more_body": True}
        return {"type": "http.request", "body": b"", "more_body": False}

    return Request({"type": "http", "headers": []}, receive)


async def given(*parts: bytes | None) -> AsyncIterator[bytes | None]:
    """Parts that are there at once."""
    for part in parts:
        yield part


async def held(until: threading.Event) -> AsyncIterator[bytes]:
    """A half, and the other once something has happened."""
    yield HALF
    assert await asyncio.to_thread(until.wait, PATIENCE_S)
    yield HALF


def whole(path: Path, arriving: Arriving) -> int:
    """Wait for all of a file and give its size."""
    arriving.wait()
    return path.stat().st_size


def test_work_begins_before_the_end(tmp_path: Path) -> None:
    """What came first is read while the sender still waits; the file goes when the work is done."""
    read = threading.Event()

    def work(path: Path, arriving: Arriving) -> int:
        arriving.wait(BEGINNING)
        assert path.stat().st_size >= BEGINNING
        read.set()
        return whole(path, arriving)

    async def used() -> int:
        return await Spool(tmp_path, limit=1 << 30).use(request(held(read)), work)

    assert asyncio.run(used()) == 2 * BEGINNING
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(vacating._fallocate is None, reason="this system cannot punch holes into files")
def test_what_was_read_leaves_the_disk(tmp_path: Path) -> None:
    """While a body still comes, bytes that its work has passed take no room any more."""

    def work(path: Path, arriving: Arriving) -> int:
        arriving.wait()
        full = path.stat().st_blocks
        arriving.passed(path.stat().st_size)
        end = time.monotonic() + PATIENCE_S
        while (full - path.stat().st_blocks) * 512 < 4 * BEGINNING - 2 * HEADER_BYTES:
            assert time.monotonic() < end
            time.sleep(0.01)
        return path.stat().st_size

    assert asyncio.run(Spool(tmp_path, limit=1 << 30).use(request(given(*[HALF] * 4)), work)) == 4 * BEGINNING


@pytest.mark.parametrize("parts", [(b"x", None), (HALF, HALF, None)])
def test_a_body_that_ends_early_ends_its_work(tmp_path: Path, parts: tuple[bytes | None, ...]) -> None:
    """Work that waits for the rest gives up, no thread and no file is left, and the sender is told."""
    began, ended = [], []

    def work(path: Path, arriving: Arriving) -> int:
        began.append(path)
        try:
            return whole(path, arriving)
        finally:
            ended.append(path)

    with pytest.raises(BadRequest, match="ended early"):
        asyncio.run(Spool(tmp_path, limit=1 << 30).use(request(given(*parts)), work))
    assert len(began) == len(ended) == (len(parts) > 2)
    assert list(tmp_path.iterdir()) == []


def test_a_body_without_end_is_refused(tmp_path: Path) -> None:
    """Beyond the limit nothing more is taken, whether work has begun or not."""
    spool = Spool(tmp_path, limit=BEGINNING + 5)
    with pytest.raises(TooLarge):
        asyncio.run(spool.use(request(given(HALF, b"12345", b"6", b"7")), whole))
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_waits_for_the_rest_of_the_body(tmp_path: Path) -> None:
    """Work that fails at once is answered when everything was taken in, as a sender may not listen before."""
    left = [b"1", HALF, HALF, b"2"]

    async def parts() -> AsyncIterator[bytes]:
        while left:
            yield left.pop()
            await asyncio.sleep(0.05)

    def refuse(path: Path, arriving: Arriving) -> int:
        raise Refused("no-good", str(path), extra={"there": arriving})

    with pytest.raises(Refused):
        asyncio.run(Spool(tmp_path, limit=1 << 30).use(request(parts()), refuse))
    assert left == []


@pytest.mark.parametrize("rest", [HALF + b"1", b""])
def test_slow_senders_keep_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rest: bytes) -> None:
    """Of many uploads that stand still one has a thread; what is complete waits for it no longer than told."""
    monkeypatch.setattr(door, "PATIENCE_S", 0.1)
    began = threading.Semaphore(0)
    quick = threading.Event()
    body = rest or b"small"

    def work(path: Path, arriving: Arriving) -> int:
        began.release()
        return whole(path, arriving)

    async def all_of_them() -> list[int]:
        spool = Spool(tmp_path, limit=1 << 30)
        slow = [asyncio.create_task(spool.use(request(held(quick)), work)) for _ in range(4)]
        assert await asyncio.to_thread(began.acquire, timeout=PATIENCE_S)
        assert await spool.use(request(given(body)), work) == len(body)
        assert began.acquire(blocking=False)
        assert not began.acquire(blocking=False)
        quick.set()
        return await asyncio.gather(*slow)

    assert asyncio.run(all_of_them()) == [2 * BEGINNING] * 4


def test_large_uploads_are_worked_on_one_by_one(tmp_path: Path) -> None:
    """Their work takes memory; small ones do not wait for it."""
    running, most, small = [0], [0], threading.Event()

    def work(path: Path, arriving: Arriving) -> int:
        if path.stat().st_size < BEGINNING:
            small.set()
            return 0
        running[0] += 1
        most[0] = max(running[0], most[0])
        assert small.wait(PATIENCE_S)
        arriving.wait()
        time.sleep(0.05)
        running[0] -= 1
        return 1

    async def all_of_them() -> list[int]:
        spool = Spool(tmp_path, limit=1 << 30)
        large = [asyncio.create_task(spool.use(request(given(HALF, HALF)), work)) for _ in range(4)]
        await asyncio.sleep(0.3)
        assert await spool.use(request(given(b"small")), work) == 0
        return await asyncio.gather(*large)

    assert asyncio.run(all_of_them()) == [1] * 4
    assert most == [1]


def test_two_that_grow_large_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of them begins early; the other is not tied to it, and waits no longer than told once it is complete."""
    monkeypatch.setattr(door, "PATIENCE_S", 0.1)
    quick = threading.Event()

    async def both() -> list[int]:
        spool = Spool(tmp_path, limit=1 << 30)
        slow = asyncio.create_task(spool.use(request(held(quick)), whole))
        other = asyncio.create_task(spool.use(request(given(HALF, b"1")), whole))
        assert await asyncio.wait_for(other, PATIENCE_S) == BEGINNING + 1
        assert not slow.done()
        quick.set()
        return [await slow, other.result()]

    assert asyncio.run(both()) == [2 * BEGINNING, BEGINNING + 1]
