"""A body of known length, read by the kernel into the very bytes that its reader gets.

Passed on in parts, a body is copied five times on its way, and every part wakes the reader.
"""

import asyncio
import ctypes
import io
import mmap
from collections.abc import Callable
from typing import Any, Final, Protocol

from starlette.types import Scope

from app.wire.leftovers import LARGEST_KEPT

EXTENSION: Final = "driftgauge.whole_body"
SMALLEST: Final = 1 << 16
LARGEST: Final = 16 << 20

_ROOM: Final[Any] = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_char_p, ctypes.c_ssize_t)(
    ("PyBytes_FromStringAndSize", ctypes.pythonapi)
)
"""Bytes whose content is whatever lay there: zeros would be written for nothing."""
_MADVISE: Final[Any] = getattr(ctypes.CDLL(None), "madvise", None)
_HUGE_PAGES: Final[int | None] = getattr(mmap, "MADV_HUGEPAGE", None)


class Owner(Protocol):
    """What a connection is told of a body that goes past it."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Hear that the connection is gone."""

    def pause_writing(self) -> None:
        """Hear that the other side does not read."""

    def resume_writing(self) -> None:
        """Hear that it reads again."""

    def body_moved(self, size: int) -> None:
        """Hear that bytes of the body came."""

    def body_complete(self) -> None:
        """Hear that the last byte came, and take over again."""


class WholeBody(asyncio.BufferedProtocol):
    """Stands in for a connection's protocol until the rest of one body is there, and never reads beyond its end."""

    def __init__(self, owner: Owner, *, length: int, begun: bytes | bytearray) -> None:
        """Make room for the body, of which some may have come; nobody sees a part of it that did not."""
        self._owner = owner
        self._room = io.BytesIO(_ROOM(None, length))
        self._view = self._room.getbuffer()
        if length > LARGEST_KEPT:
            _in_huge_pages(self._view)
        self._view[: len(begun)] = begun
        self._first = self._filled = len(begun)

    def get_buffer(self, sizehint: int) -> Any:  # noqa: ARG002 - as much as is missing
        """Give the room that is left."""
        return self._view[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Count what came, and hand over behind the last byte."""
        self._filled += nbytes
        self._owner.body_moved(nbytes)
        if self._filled == len(self._view):
            self._owner.body_complete()

    def body(self) -> bytes:
        """Give the whole body, which is no copy as soon as the event loop has let go of the buffer."""
        self._view.release()
        return self._room.getvalue()

    def passed(self) -> bytes:
        """Give what came past the connection's protocol, for a body that nobody waits for any longer."""
        return bytes(self._view[self._first : self._filled])

    def eof_received(self) -> None:
        """Let the connection be closed: a body without its end is lost."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on that the connection is gone."""
        self._owner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass on that the other side does not read."""
        self._owner.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that it reads again."""
        self._owner.resume_writing()


def _in_huge_pages(view: memoryview) -> None:
    """Ask for few large pages, where there are such: memory comes page by page, as each is first written to."""
    if _MADVISE is not None and _HUGE_PAGES is not None:
        start = ctypes.addressof(ctypes.c_char.from_buffer(view))
        first, stop = -(-start // mmap.PAGESIZE), (start + len(view)) // mmap.PAGESIZE
        length = (stop - first) * mmap.PAGESIZE
        _MADVISE(ctypes.c_void_p(first * mmap.PAGESIZE), ctypes.c_size_t(length), _HUGE_PAGES)


def announced(scope: Scope) -> tuple[int, Callable[[], None]] | None:
    """Give the length of a body that can be had whole, and how to ask for that; None when it comes in parts."""
    found: tuple[int, Callable[[], None]] | None = scope.get("extensions", {}).get(EXTENSION)
    return found
