"""Room for those who serve requests, in loops over many values."""

import time
from typing import Final

PAUSE_S: Final = 0.0005


def breathe() -> None:
    """Let other threads have the interpreter; without this each of their turns would wait for 5 ms of such a loop."""
    time.sleep(PAUSE_S)
