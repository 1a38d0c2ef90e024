"""A sender that costs little: requests made beforehand, on connections that stay open."""

import asyncio
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final, cast

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length: "


def request(method: str, path: str, body: bytes = b"", kind: str = "application/json") -> bytes:
    """A request as it goes over the wire."""
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@dataclass(slots=True)
class Sent:
    """What came of a load: seconds of each answer 200, and how many others there were."""

    seconds: list[float] = field(default_factory=list)
    refused: dict[bytes, int] = field(default_factory=dict)
    took_s: float = 0.0

    @property
    def rate(self) -> float:
        """Answers 200 a second."""
        return len(self.seconds) / self.took_s

    def percentile(self, share: float) -> float:
        """Milliseconds within which this share was answered."""
        ordered = sorted(self.seconds)
        return 1e3 * ordered[math.ceil(share * len(ordered)) - 1] if ordered else math.nan


class _Line(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._got = bytearray()
        self._waiting: asyncio.Future[bytes] | None = None
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's do not inherit it

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionResetError())

    def data_received(self, data: bytes) -> None:
        self._got += data
        end = self._got.find(_END)
        if end < 0 or self._waiting is None:
            return
        head = bytes(self._got[:end]).lower()
        place = head.index(_LENGTH) + len(_LENGTH)
        length = int(head[place : head.find(b"\r", place) if b"\r" in head[place:] else None])
        if len(self._got) >= end + len(_END) + length:
            answer = bytes(self._got)
            self._got.clear()
            self._waiting.set_result(answer)

    def ask(self, wanted: bytes) -> asyncio.Future[bytes]:
        self._waiting = asyncio.get_running_loop().create_future()
        if self._transport is None:
            raise ConnectionResetError
        self._transport.write(wanted)
        return self._waiting

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def _flow(  # noqa: PLR0913 - one connection's share of a load
    line: _Line,
    requests: Iterator[bytes],
    found: Sent,
    *,
    until: float,
    began: float,
    pace: Iterator[int],
    gap_s: float,
) -> None:
    while time.perf_counter() < until:
        due = time.perf_counter()
        if gap_s:
            due = began + next(pace) * gap_s
            await asyncio.sleep(due - time.perf_counter())
        answer = await line.ask(next(requests))
        if answer.startswith(b"HTTP/1.1 200"):
            found.seconds.append(time.perf_counter() - due)
        else:
            found.refused[answer[9:12]] = found.refused.get(answer[9:12], 0) + 1


async def load(
    ports: Sequence[int], requests: Iterator[bytes], *, connections: int, seconds: float, rate: float = 0.0
) -> list[Sent]:
    """Send from so many connections to each port, in turn or `rate` a second together; what each port answered."""
    loop = asyncio.get_running_loop()
    lines = [
        [(await loop.create_connection(_Line, "127.0.0.1", port))[1] for _ in range(connections)] for port in ports
    ]
    found = [Sent() for _ in ports]
    began = time.perf_counter()
    pace, gap_s = count(), 1 / rate if rate else 0.0
    await asyncio.gather(
        *(
            _flow(line, requests, sent, until=began + seconds, began=began, pace=pace, gap_s=gap_s)
            for sent, own in zip(found, lines, strict=True)
            for line in own
        )
    )
    for sent in found:
        sent.took_s = time.perf_counter() - began
    for own in lines:
        for line in own:
            line.close()
    return found
