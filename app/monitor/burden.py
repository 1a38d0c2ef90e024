"""How much a process carries at once: bytes of bodies, and bodies being decoded."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from app.errors import Unavailable

_RETRY_AFTER_S: Final = 2


class Burden:
    """An account of bytes, bounded."""

    def __init__(self, limit: int = 128 * 2**20) -> None:
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
    """Lets a few decode at once; the others wait, but not for ever."""

    def __init__(self, places: int = 2, *, patience_s: float = 10.0) -> None:
        """Have that many places."""
        self._places = threading.Semaphore(places)
        self._patience_s = patience_s

    def __enter__(self) -> None:
        """Wait for a place; Unavailable when none comes free in time."""
        if not self._places.acquire(timeout=self._patience_s):
            raise Unavailable("overloaded", "too many bodies wait to be decoded", retry_after=_RETRY_AFTER_S)

    def __exit__(self, *_: object) -> None:
        """Leave the place to another."""
        self._places.release()


class Free(Turns):
    """Lets anybody decode at once, for bodies so small that waiting would take longer."""

    def __enter__(self) -> None:
        """Wait for nothing."""

    def __exit__(self, *_: object) -> None:
        """Leave nothing."""
