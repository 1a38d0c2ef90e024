"""An HTTP protocol that slow, silent and flooding clients cannot wear out.

uvicorn's own protocol takes headers without end and waits for ever; this one counts and looks at its watch. It builds
on uvicorn's httptools implementation, so its tests belong to every upgrade of uvicorn.
"""

import asyncio
import random
from http import HTTPStatus
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.api.bulk import BulkProtocol
from app.api.patience import FloodError, Limits, Phase
from app.api.problems import raw_answer

_LINGER_S: Final = 1.0
_LINGER_BYTES: Final = 2**20
_BUSY_WAIT_S: Final = (1, 5)


class GuardedProtocol(BulkProtocol):
    """One connection."""

    limits = Limits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the watch; beyond the number that is served the slowest makes room, or else this one is sent away."""
        super().connection_made(transport)
        self._phase = Phase.HEAD
        self._since = self._checked = self.loop.time()
        self._head = self._unparsed = self._left_over = self._moved = 0
        self._flooded = False
        self._beat: asyncio.TimerHandle | None = None
        if len(self.connections) > self.limits.connections and not self._make_room():
            wait = random.randint(*_BUSY_WAIT_S)
            self._write(
                HTTPStatus.SERVICE_UNAVAILABLE, "too-many-connections", "too many connections", retry_after=wait
            )
            self._phase = Phase.END
            transport.close()
        self._tick()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the watch."""
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes before it is parsed."""
        if self._phase is Phase.END:
            self._discard(len(data))
            return
        if self._left_over:
            self._discard(len(data))
        in_head = self._phase is Phase.HEAD
        self._unparsed += len(data)
        super().data_received(data)
        if in_head and self._phase is Phase.HEAD:
            self._head = max(self._head, self._unparsed)
        if max(self._head, self._unparsed) > self.limits.head_bytes and self._phase in {Phase.HEAD, Phase.BODY}:
            self._flood()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, or too much of it."""
        if len(self.pipeline) >= self.limits.waiting:
            self.pipeline.clear()
            self.transport.abort()  # an answer would land in the middle of another
        elif self._flooded:
            self._flood()
        else:
            self._refuse(HTTPStatus.BAD_REQUEST, "not-http", msg)

    def on_message_begin(self) -> None:
        """Start on the next request, unless too many of them wait already."""
        if len(self.pipeline) >= self.limits.waiting:
            raise FloodError
        super().on_message_begin()
        self._enter(Phase.HEAD)
        self._head = 0

    def on_url(self, url: bytes) -> None:
        """Count the target of a request."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header; those after the body are headers too."""
        self._count(len(name) + len(value) + len(": \r\n"))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Wait for the body."""
        self._unparsed = 0
        self._enter(Phase.BODY)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Note that the body moves."""
        self._unparsed = 0
        self._moved += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for nothing: the answer is ours to give."""
        self._unparsed = self._left_over = 0
        self._enter(Phase.NOTHING)
        super().on_message_complete()

    def body_moved(self, size: int) -> None:
        """Note that a body moves that goes past the parser."""
        self._moved += size

    def body_complete(self) -> None:
        """Wait for nothing, as behind any other body."""
        super().body_complete()
        self._unparsed = self._left_over = 0
        self._enter(Phase.NOTHING)

    def on_response_complete(self) -> None:
        """Let a client that is still sending hear the answer, but not send for ever."""
        if self._phase is Phase.BODY and not self.pipeline:
            self._left_over = _LINGER_BYTES
            self._since = self.loop.time()
        super().on_response_complete()

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._since = self.loop.time()
        self._moved = 0

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > self.limits.head_bytes:
            self._flooded = True
            raise FloodError

    def _flood(self) -> None:
        limit = self.limits.head_bytes
        self._refuse(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers-too-large",
            f"the headers are larger than {limit} bytes",
        )

    def _discard(self, size: int) -> None:
        self._left_over -= size
        if self._left_over <= 0:
            self.transport.abort()

    def _tick(self) -> None:
        """Look at the connection, and again a beat later."""
        now = self.loop.time()
        self._look(now)
        self._checked = now
        if not self.transport.is_closing() or self.transport.get_write_buffer_size():
            self._beat = self.loop.call_later(self.limits.beat_s, self._tick)

    def _look(self, now: float) -> None:
        if self._stalled(now):
            self.transport.abort()
        elif self._phase is Phase.END or self._left_over:
            if now - self._since > _LINGER_S:
                self.transport.close()
        elif self.flow.read_paused or self.transport.is_closing():
            self._since += now - self._checked
        elif self._phase is Phase.HEAD and now - self._since > self.limits.head_s:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "slow-headers", "the headers took too long to arrive")
        elif self._phase is Phase.BODY:
            self._look_at_body(now)

    def _look_at_body(self, now: float) -> None:
        """Ask for the least speed, after a grace as long as that for the head."""
        if now - self._since > self.limits.head_s + self._moved / self.limits.bytes_per_second:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "slow-body", "the body took too long to arrive")

    def idled(self, now: float) -> float:
        """Give the seconds for which this client has kept us waiting for what it sends, or has not read."""
        if self.transport.is_closing():
            return 0.0
        if self._phase is Phase.NOTHING and not self.cycle.response_complete:
            return now - self._unread[0] if self._unread and self.transport.get_write_buffer_size() else 0.0
        return now - self._since - self._moved / self.limits.bytes_per_second

    def give_way(self) -> None:
        """End this connection in favour of another."""
        if self._phase in {Phase.HEAD, Phase.BODY}:
            code = "slow-headers" if self._phase is Phase.HEAD else "slow-body"
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, code, "others wait for this connection")
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def _make_room(self) -> bool:
        """End the connection that was waited for longest, if there is one that had us wait for longer than a beat."""
        now = self.loop.time()
        others = [one for one in self.connections if isinstance(one, GuardedProtocol) and one is not self]
        slowest = max(others, key=lambda one: one.idled(now), default=self)
        if slowest.idled(now) <= self.limits.beat_s:
            return False
        slowest.give_way()
        return True

    def _stalled(self, now: float) -> bool:
        """Tell whether the client has stopped reading our answer."""
        waiting = self.transport.get_write_buffer_size()
        if not waiting:
            self._unread: tuple[float, int] | None = None
            return False
        if self._unread is None or waiting > self._unread[1]:
            self._unread = (now, waiting)
        since, most = self._unread
        if now - since <= self.limits.head_s:
            return False
        enough = most - waiting >= self.limits.bytes_per_second * (now - since)
        self._unread = (now, waiting) if enough else self._unread
        return not enough

    def _refuse(self, status: HTTPStatus, code: str, detail: str) -> None:
        """Answer in the place of the application, then listen for a moment so that the answer is heard."""
        self.forget_whole()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.abort()
                return
        self._write(status, code, detail)
        self._enter(Phase.END)
        self._left_over = _LINGER_BYTES
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _write(self, status: HTTPStatus, code: str, detail: str, *, retry_after: int | None = None) -> None:
        self.transport.write(raw_answer(status, code, detail=detail, retry_after=retry_after))


def with_limits(limits: Limits) -> type[GuardedProtocol]:
    """Give the protocol these limits."""
    made: Any = type("GuardedProtocol", (GuardedProtocol,), {"limits": limits})
    return cast("type[GuardedProtocol]", made)
