"""Shuts the socket of a database call that outlives its deadline, or that a server which stands still cannot answer.

A statement timeout does not help against a server that is frozen: only the client can give up. Some calls are long for
good reason, so while one takes its time the server is asked for a sign of life over a connection of its own. Without
one every call in flight is over, and new ones are refused at once until there is one again.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

_PATIENCE_S: Final = 1.5
_BEATS: Final = 3
_PAUSE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Call:
    began: float
    deadline: float
    file: int | None


class Watchdog:
    """Watches every call in flight; its two daemon threads start with the first."""

    def __init__(self, probe: Callable[[], bool], *, patience_s: float = _PATIENCE_S) -> None:
        """`probe` tells within a few seconds whether the server answers; asked while a call takes `patience_s`."""
        self._probe = probe
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._calls: dict[int, _Call] = {}
        self._next = 0
        self._wakes = self._asked = 0.0
        self._doubt = threading.Event()
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []
        self._responsive = True

    @property
    def responsive(self) -> bool:
        """Whether the server answers, as far as is known."""
        return self._responsive

    @contextmanager
    def watching(self, file: int | None, *, seconds: float) -> Iterator[None]:
        """Shut this socket, if there is one yet, should the block last longer or the server stand still."""
        began = time.monotonic()
        with self._changed:
            self._next += 1
            call = self._next
            self._calls[call] = _Call(began, began + seconds, file)
            if not self._threads:
                self._start()
            if began + seconds < self._wakes:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._calls.pop(call, None)

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()
        self._doubt.set()
        with self._changed:
            self._changed.notify()
            threads = list(self._threads)
        for thread in threads:
            thread.join()

    def _start(self) -> None:
        for name, work in (("watchdog", self._watch), ("pulse", self._feel)):
            self._threads.append(threading.Thread(target=work, name=name, daemon=True))
            self._threads[-1].start()

    def _watch(self) -> None:
        with self._changed:
            while not self._closed.is_set():
                now = time.monotonic()
                self._shut([number for number, call in self._calls.items() if call.deadline <= now])
                oldest = min((call.began for call in self._calls.values()), default=now)
                if now - max(oldest, self._asked) > self._patience_s:
                    self._doubt.set()
                nearest = min((call.deadline for call in self._calls.values()), default=now + self._patience_s)
                self._wakes = min(nearest, now + self._patience_s / _BEATS)
                self._changed.wait(self._wakes - now)

    def _feel(self) -> None:
        """Ask for a sign of life when there is doubt, and again and again until there is one."""
        while self._doubt.wait() and not self._closed.is_set():
            asked = time.monotonic()
            answered = self._probe()
            with self._changed:
                self._responsive, self._asked = answered, time.monotonic()
                if answered:
                    self._doubt.clear()
                else:
                    self._shut([number for number, call in self._calls.items() if call.began <= asked])
            if not answered:
                self._closed.wait(_PAUSE_S)

    def _shut(self, over: list[int]) -> None:
        for number in over:
            file = self._calls.pop(number).file
            if file is not None:
                with contextlib.suppress(OSError), socket.socket(fileno=os.dup(file)) as connection:
                    connection.shutdown(socket.SHUT_RDWR)
