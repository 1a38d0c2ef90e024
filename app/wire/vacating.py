"""Files that give back to the disk what of them is no longer needed."""

import ctypes
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

KEEP_SIZE: Final = 1
PUNCH_HOLE: Final = 2
STEP: Final = 16 << 20
"""Bytes for which it pays to ask the file system."""

# Its offsets are as long as a long, which is too short for large files on 32 bits.
_fallocate = getattr(ctypes.CDLL(None), "fallocate", None) if ctypes.sizeof(ctypes.c_long) > 4 else None  # noqa: PLR2004
if _fallocate is not None:
    _fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]


class Vacating:
    """A file whose bytes go back to the disk from its start on, but for its first ones, where the system can.

    Some file systems write bytes before they let go of them: a thread of its own waits for that.
    """

    def __init__(self, path: Path, *, kept: int) -> None:
        """Keep the first `kept` bytes."""
        self._path = path
        self._vacated = kept
        self._side = ThreadPoolExecutor(1, thread_name_prefix="vacate")
        self._asked: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Do no more than was asked for, and do not wait for that."""
        self._side.shutdown(wait=False)

    def vacate(self, end: int) -> None:
        """Say that nothing before `end` but what is kept will be read again; it reads as zeros sooner or later."""
        if end - self._vacated < STEP or (self._asked is not None and not self._asked.done()):
            return
        with suppress(RuntimeError):  # shut down
            self._asked = self._side.submit(_punch, self._path, self._vacated, end)
            self._vacated = end


def _punch(path: Path, start: int, end: int) -> None:
    # Failing is no harm: the bytes stay where they are.
    with suppress(OSError), path.open("r+b") as file:
        if _fallocate is not None:
            _fallocate(file.fileno(), PUNCH_HOLE | KEEP_SIZE, start, end - start)
