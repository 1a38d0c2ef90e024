"""Shuts the socket of a database call that outlives its deadline.

A statement timeout does not help against a server that is frozen: only the client can give up.
"""

import contextlib
import math
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Watchdog:
    """One daemon thread that watches every call in flight."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._calls: dict[int, tuple[float, int]] = {}
        self._next = 0
        self._thread: threading.Thread | None = None
        self._closed = False

    @contextmanager
    def watching(self, file: int, *, seconds: float) -> Iterator[None]:
        """Shut this socket should the block last longer."""
        if math.isinf(seconds):
            yield
            return
        with self._changed:
            self._next += 1
            call = self._next
            self._calls[call] = (time.monotonic() + seconds, file)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
                self._thread.start()
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._calls.pop(call, None)

    def close(self) -> None:
        """Stop watching."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _watch(self) -> None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                for call, (deadline, file) in list(self._calls.items()):
                    if deadline <= now:
                        del self._calls[call]
                        _shut(file)
                nearest = min((deadline for deadline, _ in self._calls.values()), default=None)
                self._changed.wait(None if nearest is None else max(0.0, nearest - now))


def _shut(file: int) -> None:
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(file)) as connection:
        connection.shutdown(socket.SHUT_RDWR)
