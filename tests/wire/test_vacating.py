"""Files that give back to the disk what of them is no longer needed."""

import time
from pathlib import Path

import pytest

from app.wire import vacating
from app.wire.vacating import STEP, Vacating

PATIENCE_S = 60.0
KEPT = 5000


def test_the_disk_gets_back_what_is_no_longer_needed(tmp_path: Path) -> None:
    """Blocks go and bytes read as zeros, but for the first and what is still to be read; the size stays."""
    path = tmp_path / "rows"
    path.write_bytes(b"x" * (2 * STEP))
    before = path.stat()
    with path.open("r+b") as file, Vacating(file.fileno(), kept=KEPT) as given:
        given.vacate(STEP)
        given.vacate(STEP + KEPT)
    end = time.monotonic() + PATIENCE_S
    while path.stat().st_blocks >= before.st_blocks and time.monotonic() < end:
        time.sleep(0.01)
    after = path.stat()
    assert after.st_size == before.st_size
    assert after.st_blocks <= before.st_blocks // 2 + 64
    assert path.read_bytes() == b"x" * KEPT + bytes(STEP) + b"x" * (STEP - KEPT)


def test_where_the_system_cannot_all_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes are as they were; a file that is not open for writing is no harm either."""
    path = tmp_path / "rows"
    path.write_bytes(b"x" * (2 * STEP))
    with path.open("rb") as file, Vacating(file.fileno(), kept=0) as given:
        given.vacate(2 * STEP)
    monkeypatch.setattr(vacating, "_fallocate", None)
    with path.open("r+b") as writable, Vacating(writable.fileno(), kept=0) as given:
        given.vacate(2 * STEP)
    time.sleep(0.1)
    assert path.read_bytes() == b"x" * (2 * STEP)
