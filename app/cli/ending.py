"""Signals that ask a program to end."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Ending:
    """Unwinds what was opened so far when a signal comes.

    That is an exception in whatever code runs then, and some libraries swallow it; `check` raises it again.
    """

    def __init__(self, *signals: signal.Signals) -> None:
        """Listen for signals, until somebody else does."""
        self._asked = 0
        self._held = False
        for number in signals:
            signal.signal(number, self)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Hear a signal."""
        del frame
        twice, self._asked = self._asked == number, number
        if twice or not self._held:
            self.check()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let a signal wait for the end of what must not be left half-made, unless it comes twice."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        self.check()

    def check(self) -> None:
        """Raise what a signal asked for, if one has come: KeyboardInterrupt for SIGINT, else SystemExit."""
        if self._asked == signal.SIGINT:
            raise KeyboardInterrupt
        if self._asked:
            sys.exit(128 + self._asked)
