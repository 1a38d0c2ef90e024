"""uvicorn's HTTP protocol, with bodies that go past its parser when somebody asks for them whole."""

import asyncio
from functools import partial
from typing import Any, Final
from weakref import WeakKeyDictionary

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.api.whole import EXTENSION, LARGEST, SMALLEST, WholeBody

HEAD_BYTES: Final = 1 << 14
PART_BYTES: Final = 1 << 18

_ROOMS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, memoryview]] = WeakKeyDictionary()
"""One room for each event loop: what is read is parsed at once."""


class Sips(asyncio.BufferedProtocol):
    """Reads a connection for its parser: little at a time as long as a head is due, so that no body comes with it."""

    def __init__(self, owner: "BulkProtocol") -> None:
        """Read into the room of the owner's event loop."""
        self._owner = owner
        room = _ROOMS.get(owner.loop)
        self._room = _ROOMS.setdefault(owner.loop, memoryview(bytearray(PART_BYTES))) if room is None else room

    def get_buffer(self, sizehint: int) -> Any:  # noqa: ARG002 - as much as is wanted
        """Give room for a head, or for a part of a body."""
        return self._room if self._owner.in_body() else self._room[:HEAD_BYTES]

    def buffer_updated(self, nbytes: int) -> None:
        """Hand over what came."""
        self._owner.data_received(bytes(self._room[:nbytes]))

    def eof_received(self) -> None:
        """Let the connection be closed."""
        self._owner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on that the connection is gone."""
        self._owner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass on that the other side does not read."""
        self._owner.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that it reads again."""
        self._owner.resume_writing()


class BulkProtocol(HttpToolsProtocol):
    """One connection; the scope of a request with a large body of known length tells how to have it whole."""

    _whole: WholeBody | None = None
    _sips: Sips

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Read the connection in sips."""
        super().connection_made(transport)
        self._sips = Sips(self)
        transport.set_protocol(self._sips)

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop what came of a body."""
        self._whole = None
        super().connection_lost(exc)

    def in_body(self) -> bool:
        """Tell whether the next bytes are those of a body."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and cycle.more_body and not cycle.response_complete

    def on_headers_complete(self) -> None:
        """Offer the body whole, and read no more of it until somebody wants it."""
        super().on_headers_complete()
        length = _announced(self.headers)
        if SMALLEST <= length <= LARGEST and self.parser.should_keep_alive() and not self.pipeline:
            self.scope["extensions"] = {EXTENSION: (length, partial(self._take_whole, self.cycle, length))}  # type: ignore[dict-item]
            self.flow.pause_reading()

    def on_response_complete(self) -> None:
        """Read on after an answer that came before the end of its body."""
        self.forget_whole()
        super().on_response_complete()

    def body_moved(self, size: int) -> None:
        """Hear that bytes went past the parser."""

    def body_complete(self) -> None:
        """Begin to parse anew behind a body that went past the parser, and hand it over when this event is done."""
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.transport.set_protocol(self._sips)
        came, self._whole = self._whole, None
        if came is not None:
            self.loop.call_soon(_hand_over, self.cycle, came)

    def forget_whole(self) -> None:
        """Go back to the parser with what went past it, for a body that nobody waits for any longer."""
        if self._whole is not None:
            passed, self._whole = self._whole.passed(), None
            self.transport.set_protocol(self._sips)
            self.parser.feed_data(passed)

    def _take_whole(self, cycle: RequestResponseCycle, length: int) -> None:
        """Let the rest of a body go past the parser, if there is a rest and somebody to send it."""
        if cycle is not self.cycle or not cycle.more_body or cycle.disconnected or cycle.response_complete:
            return
        self._whole = WholeBody(self, length=length, begun=cycle.body)
        cycle.body = bytearray()
        cycle.message_event.clear()
        self.transport.set_protocol(self._whole)


def _hand_over(cycle: RequestResponseCycle, came: WholeBody) -> None:
    cycle.body = came.body()  # type: ignore[assignment] # is only read from here on
    cycle.more_body = False
    cycle.message_event.set()


def _announced(headers: list[tuple[bytes, bytes]]) -> int:
    """Read the length of a body; 0 without one, or when the body comes in chunks after all."""
    lengths = [value for name, value in headers if name in {b"content-length", b"transfer-encoding"}]
    return int(lengths[0]) if len(lengths) == 1 and lengths[0].isdigit() else 0
