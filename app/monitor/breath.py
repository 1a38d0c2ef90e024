"""Room for those who serve requests, beside work that takes its time."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

PAUSE_S: Final = 0.0005
TURN_S: Final = 0.0005

_lock: Final = threading.Lock()
_usual_s: Final[list[float]] = []
"""The interpreter's own turn, once for each piece of long work that is under way."""


def breathe() -> None:
    """Let other threads have the interpreter; without this each of their turns would wait for 5 ms of such a loop."""
    time.sleep(PAUSE_S)


@contextmanager
def short_turns() -> Iterator[None]:
    """Have threads take turns at the interpreter ten times as often as usual while the block, or another, lasts."""
    with _lock:
        _usual_s.append(_usual_s[0] if _usual_s else sys.getswitchinterval())
        sys.setswitchinterval(TURN_S)
    try:
        yield
    finally:
        with _lock:
            usual_s = _usual_s.pop()
            if not _usual_s:
                sys.setswitchinterval(usual_s)
