"""What allocators keep of bodies that were read, because they may need it again."""

import ctypes

import pyarrow as pa


def give_back() -> None:
    """Return freed memory to the system: Arrow's, and the C library's where it can."""
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
