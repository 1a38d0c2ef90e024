"""Files that give back to the disk what of them is no longer needed."""

import ctypes
import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Self

KEEP_SIZE: Final = 1
PUNCH_HOLE: Final = 2
STEP: Final = 16 << 20
"""Bytes for which it pays to ask the file system."""

_fallocate = getattr(ctypes.CDLL(None), "fallocate", None)
if _fallocate is not None:
    _fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]


class Vacating:
    """A file whose bytes go back to the disk from its start on, but for its first ones, where the system can.

    Some file systems write bytes before they let go of them: a thread of its own waits for that.
    """

    def __init__(self, descriptor: int, *, kept: int) -> None:
        """Keep the first `kept` bytes of a file that is open for writing."""
        self._descriptor = os.dup(descriptor)
        self._vacated = kept
        self._side = ThreadPoolExecutor(1, thread_name_prefix="vacate")
        self._asked: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for nothing; what was asked for is still done."""
        self._side.submit(os.close, self._descriptor)
        self._side.shutdown(wait=False)

    def vacate(self, end: int) -> None:
        """Say that nothing before `end` but what is kept will be read again; it reads as zeros sooner or later."""
        if end - self._vacated >= STEP and (self._asked is None or self._asked.done()):
            self._asked = self._side.submit(_punch, self._descriptor, self._vacated, end)
            self._vacated = end


def _punch(descriptor: int, start: int, end: int) -> None:
    # Failing is no harm: the bytes stay where they are.
    if _fallocate is not None:
        _fallocate(descriptor, PUNCH_HOLE | KEEP_SIZE, start, end - start)
