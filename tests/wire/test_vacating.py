"""Files that give back to the disk what of them is no longer needed."""

from pathlib import Path

import pytest

from app.wire import vacating
from app.wire.vacating import STEP, Vacating

KEPT = 5000


@pytest.mark.skipif(vacating._fallocate is None, reason="this system cannot punch holes into files")
def test_the_disk_gets_back_what_is_no_longer_needed(tmp_path: Path) -> None:
    """Blocks go and bytes read as zeros, but for the first and what is still to be read; the size stays.

    Who asks after the end is not heard.
    """
    path = tmp_path / "rows"
    path.write_bytes(b"x" * (2 * STEP))
    before = path.stat()
    with Vacating(path, kept=KEPT) as given:
        given.vacate(STEP)
        given.vacate(STEP + KEPT)
        given._side.shutdown(wait=True)
        given.vacate(2 * STEP + KEPT)
    after = path.stat()
    assert after.st_size == before.st_size
    assert after.st_blocks <= before.st_blocks // 2 + 64
    assert path.read_bytes() == b"x" * KEPT + bytes(STEP) + b"x" * (STEP - KEPT)


def test_where_the_system_cannot_all_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes are as they were; a file that is gone is no harm either."""
    path = tmp_path / "rows"
    path.write_bytes(b"x" * (2 * STEP))
    monkeypatch.setattr(vacating, "_fallocate", None)
    for name in ("rows", "gone"):
        with Vacating(tmp_path / name, kept=0) as given:
            given.vacate(2 * STEP)
            given._side.shutdown(wait=True)
    assert path.read_bytes() == b"x" * (2 * STEP)
