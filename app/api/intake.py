"""Bodies as they stream in: bounded one by one and all together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from app.api.whole import announced
from app.errors import BadRequest, TooLarge
from app.monitor.burden import Burden


@dataclass(frozen=True, slots=True)
class Intake:
    """The door for bodies that are held in memory."""

    max_body_bytes: int
    burden: Burden

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """Read a body and carry its bytes until the request is answered; TooLarge, Unavailable beyond the limits."""
        check_length(request, self.max_body_bytes)
        parts: list[bytes] = []
        carried = size = 0
        try:
            promised = announced(request.scope)
            if promised is not None:
                self.burden.take(promised[0])
                carried = promised[0]
                promised[1]()
            async for part in stream(request):
                size += len(part)
                if size > self.max_body_bytes:
                    raise too_large(self.max_body_bytes)
                if size > carried:
                    self.burden.take(size - carried)
                    carried = size
                parts.append(part)
            whole = b"".join(parts)
            parts.clear()
            yield whole
        finally:
            self.burden.give(carried)


async def stream(request: Request) -> AsyncIterator[bytes]:
    """Give the parts of a body; BadRequest when its sender goes away."""
    try:
        async for part in request.stream():
            if part:
                yield part
    except ClientDisconnect as error:
        raise BadRequest("undecodable", "the body ended early") from error


@asynccontextmanager
async def spooled(request: Request, *, folder: Path, limit: int) -> AsyncIterator[Path]:
    """Write a body to a temporary file that lives as long as the context."""
    check_length(request, limit)
    with NamedTemporaryFile(dir=folder, prefix="upload-") as file:
        size = 0
        async for part in stream(request):
            size += len(part)
            if size > limit:
                raise too_large(limit)
            await run_in_threadpool(file.write, part)
        file.flush()
        yield Path(file.name)


def check_length(request: Request, limit: int) -> None:
    """Refuse a body by the length that it announces."""
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > limit:
        raise too_large(limit)


def too_large(limit: int) -> TooLarge:
    """Say which limit a body crossed."""
    return TooLarge("body-too-large", f"the body is larger than {limit} bytes", extra={"limit": limit})
