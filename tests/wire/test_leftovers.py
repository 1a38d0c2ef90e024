"""What is kept of the memory of bodies: some for the next ones, and no more than that."""

import ctypes
import os
import subprocess
import sys

import pytest

ROUNDS = """
import resource
from app.wire.leftovers import keep_some
keep_some()
def rounds():
    first = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        bodies = [b"x" * {size} for _ in range(3)]
        del bodies
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - first
rounds()
print(rounds())
"""
PAGES = 20 * 3 * (4 << 20) // os.sysconf("SC_PAGE_SIZE")

pytestmark = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library keeps as it likes")


def _faults(size: int, **more: str) -> int:
    """Count the pages asked for anew by three bodies at a time, again and again."""
    chosen = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    program = [sys.executable, "-c", ROUNDS.format(size=size)]
    done = subprocess.run(program, env=chosen | more, capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout)


def test_memory_of_a_few_bodies_is_kept() -> None:
    """Bodies of 4 MiB lie where the last ones lay, unless the environment says otherwise."""
    assert _faults(4 << 20) < PAGES // 10
    assert _faults(4 << 20, MALLOC_TRIM_THRESHOLD_="0", MALLOC_MMAP_THRESHOLD_="65536") >= PAGES // 2


def test_large_bodies_leave_nothing() -> None:
    """Blocks of more than 8 MiB go back to the system at once."""
    assert _faults(9 << 20) >= PAGES
