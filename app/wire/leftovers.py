"""What allocators keep of bodies that were read, because they may need it again."""

import ctypes
import os
from typing import Final

import pyarrow as pa

LARGEST_KEPT: Final = 8 << 20
MOST_KEPT: Final = 16 << 20
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_CHOSEN: Final = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_some() -> None:
    """Let the C library, where it can, keep the memory of a few bodies for the next ones.

    Left alone it takes the largest block ever freed for its measure, and gives memory back and asks for it again a
    few times a second. Larger blocks go back at once. Whoever has set the environment's variables knows better.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None and not any(name in os.environ for name in _CHOSEN):
        mallopt(_MMAP_THRESHOLD, LARGEST_KEPT)
        mallopt(_TRIM_THRESHOLD, MOST_KEPT)


def give_back() -> None:
    """Return freed memory to the system: Arrow's, and the C library's where it can."""
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
