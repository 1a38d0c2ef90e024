"""How much a process carries at once: bytes of bodies, and bodies being decoded."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from app.errors import Unavailable
from app.wire.leftovers import give_back

LARGE_BYTES: Final = 4 * 2**20
TIDY_BYTES: Final = 2**18
_RETRY_AFTER_S: Final = 2


class Burden:
    """An account of bytes, bounded."""

    def __init__(self, limit: int = 64 * 2**20) -> None:
        """Carry nothing yet."""
        self._limit = limit
        self._lock = threading.Lock()
        self._carried = 0

    @property
    def carried(self) -> int:
        """Give the bytes carried now."""
        return self._carried

    def take(self, size: int) -> None:
        """Take bytes on; Unavailable when it would be too many."""
        with self._lock:
            if self._carried + size > self._limit:
                raise Unavailable("overloaded", "too many bytes of bodies are in work", retry_after=_RETRY_AFTER_S)
            self._carried += size

    def give(self, size: int) -> None:
        """Lay bytes down."""
        with self._lock:
            self._carried -= size

    def add(self, size: int) -> None:
        """Take bytes on that are there already."""
        with self._lock:
            self._carried += size

    def settle(self, size: int) -> None:
        """Take what was measured for the truth."""
        with self._lock:
            self._carried = size

    @contextmanager
    def carrying(self, size: int) -> Iterator[None]:
        """Carry bytes for the length of the context."""
        self.take(size)
        try:
            yield
        finally:
            self.give(size)


class Turns:
    """Lets a few decode at once, and only one of them a large body; the others wait, but not for ever."""

    def __init__(self, places: int = 2, *, patience_s: float = 10.0) -> None:
        """Have that many places."""
        self._places, self._large = threading.Semaphore(places), threading.Semaphore(1)
        self._patience_s = patience_s
        self._left = False

    def __enter__(self) -> None:
        """Wait for a place; Unavailable when none comes free in time."""
        self._take(self._places)

    def __exit__(self, *_: object) -> None:
        """Leave the place to another."""
        self._places.release()

    @contextmanager
    def of(self, size: int) -> Iterator[None]:
        """Take a turn for a body of so many bytes; what a large one becomes may be many times as much."""
        if size < LARGE_BYTES:
            self.passed(size)
            with self:
                yield
            return
        self._take(self._large)
        try:
            with self:
                self.tidy()  # what the last one left would come on top
                self._left = True
                yield
        finally:
            self._large.release()

    def passed(self, size: int) -> None:
        """Hear of a body of so many bytes that was decoded, here or elsewhere: a large one leaves memory behind."""
        self._left |= size >= TIDY_BYTES

    def tidy(self) -> None:
        """Give the memory of large bodies back to the system; the allocator alone keeps what it may need again."""
        if self._left:
            self._left = False
            give_back()

    def _take(self, places: threading.Semaphore) -> None:
        if not places.acquire(timeout=self._patience_s):
            raise Unavailable("overloaded", "too many bodies wait to be decoded", retry_after=_RETRY_AFTER_S)


class Free(Turns):
    """Lets anybody decode at once, for bodies so small that waiting would take longer."""

    def __enter__(self) -> None:
        """Wait for nothing."""

    def __exit__(self, *_: object) -> None:
        """Leave nothing."""
