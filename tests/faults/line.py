"""HTTP as frugally as it can be spoken, so that the client leaves the processors to the service."""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

LONGEST_HEAD: Final = 2**20


class LostError(Exception):
    """No whole answer came back; nobody knows what became of the request."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address that requests are sent to."""

    port: int
    host: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Line:
    """One kept connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, target: Target) -> Self:
        """Connect."""
        return cls(*await asyncio.open_connection(target.host, target.port, limit=LONGEST_HEAD))

    async def ask(self, request: bytes) -> tuple[Answer, bool]:
        """Send a request and read the answer, and whether the connection lives on."""
        self._writer.write(request)
        await self._writer.drain()
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in head[1:])}
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(head[0].split(" ", 2)[1]), headers, body), headers.get("connection") != "close"

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


class Lines:
    """Kept connections to several targets, as many as are asked for at once."""

    def __init__(self, *, timeout: float) -> None:
        self._timeout = timeout
        self._idle: dict[Target, list[Line]] = defaultdict(list)

    async def ask(
        self, target: Target, method: str, path: str, *, body: bytes = b"", content_type: str = "application/json"
    ) -> Answer:
        """Send one request, once; LostError when no whole answer comes back in time."""
        head = f"{method} {path} HTTP/1.1\r\nHost: {target.host}\r\nContent-Length: {len(body)}\r\n"
        request = f"{head}Content-Type: {content_type}\r\n\r\n".encode() + body
        line: Line | None = None
        answer: Answer | None = None
        try:
            async with asyncio.timeout(self._timeout):
                line = self._idle[target].pop() if self._idle[target] else await Line.to(target)
                answer, lives = await line.ask(request)
        except (OSError, EOFError, ValueError, IndexError, TimeoutError, asyncio.LimitOverrunError) as error:
            raise LostError(repr(error)) from error
        finally:
            if line is not None and answer is None:
                line.close()
        if lives:
            self._idle[target].append(line)
        else:
            line.close()
        return answer

    def close(self) -> None:
        """Hang up everywhere."""
        for lines in self._idle.values():
            for line in lines:
                with contextlib.suppress(RuntimeError):
                    line.close()
        self._idle.clear()
