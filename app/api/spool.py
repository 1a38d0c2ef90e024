"""Bodies larger than memory, which are worked on while they come."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from app.api.intake import check_length, too_large
from app.errors import BadRequest
from app.wire.arriving import Arriving
from app.wire.csvrows import HEADER_BYTES
from app.wire.vacating import Vacating

WRITTEN_TOGETHER: Final = 1 << 20
"""Bytes of an upload for which it pays to wake a thread."""
MOST_PARTS: Final = 1024
BEGINNING: Final = 8 << 20
"""Bytes of an upload after which its work may begin."""
PATIENCE_S: Final = 30.0
"""Seconds that a complete upload waits for one that still comes, which its sender may make last."""

Made = TypeVar("Made")


class Spool:
    """The door for bodies that are written to disk."""

    def __init__(self, folder: Path, *, limit: int) -> None:
        """Keep files in a folder, none of them larger than `limit` bytes."""
        self._folder = folder
        self._limit = limit
        self._early = False
        self._worked = asyncio.Lock()
        self._complete = asyncio.Lock()

    async def use(self, request: Request, work: Callable[[Path, Arriving], Made]) -> Made:
        """Write a body to a file that lives as long as the work on it, and give what a thread makes of it.

        Whatever the work comes to, the body is taken in whole first; TooLarge, BadRequest when it does not end well.
        Since the work takes memory, it is done for one large body at a time: for one that still comes, and beside that,
        if it lasts, for one that is complete.
        """
        expected = check_length(request, self._limit)
        with (
            NamedTemporaryFile(dir=self._folder, prefix="upload-") as file,
            Vacating(Path(file.name), kept=HEADER_BYTES) as vacating,
        ):
            path, arriving = Path(file.name), Arriving(vacating.vacate, expected=expected)
            working: asyncio.Task[Made] | None = None
            size = 0
            try:
                async for size in self._written(request, file):
                    arriving.grown(size)
                    if working is None and size >= BEGINNING and not (self._early or self._worked.locked()):
                        self._early = True
                        working = asyncio.create_task(self._begun(work, path, arriving))
            except BaseException:
                arriving.broken(BadRequest("undecodable", "the body ended early"))
                if working is not None:
                    await asyncio.gather(working, return_exceptions=True)
                raise
            arriving.complete()
            if working is None and size < BEGINNING:
                return await run_in_threadpool(work, path, arriving)
            return await (working or self._ended(work, path, arriving))

    async def _begun(self, work: Callable[[Path, Arriving], Made], path: Path, arriving: Arriving) -> Made:
        try:
            async with self._worked:
                return await run_in_threadpool(work, path, arriving)
        finally:
            self._early = False

    async def _ended(self, work: Callable[[Path, Arriving], Made], path: Path, arriving: Arriving) -> Made:
        async with self._complete:
            try:
                await asyncio.wait_for(self._worked.acquire(), PATIENCE_S)
            except TimeoutError:
                return await run_in_threadpool(work, path, arriving)
            try:
                return await run_in_threadpool(work, path, arriving)
            finally:
                self._worked.release()

    async def _written(self, request: Request, file: Any) -> AsyncIterator[int]:
        """Write a body, and tell again and again how much of it is in the file."""
        size = held = 0
        parts: list[bytes] = []
        async for part in stream(request):
            size += len(part)
            if size > self._limit:
                raise too_large(self._limit)
            parts.append(part)
            held += len(part)
            if held >= WRITTEN_TOGETHER or len(parts) >= MOST_PARTS:
                await run_in_threadpool(_append, file, parts)
                parts, held = [], 0
                yield size
        await run_in_threadpool(_append, file, parts)
        yield size


async def stream(request: Request) -> AsyncIterator[bytes]:
    """Give the parts of a body; BadRequest when its sender goes away."""
    try:
        async for part in request.stream():
            if part:
                yield part
    except ClientDisconnect as error:
        raise BadRequest("undecodable", "the body ended early") from error


def _append(file: Any, parts: list[bytes]) -> None:
    file.writelines(parts)
    file.flush()
