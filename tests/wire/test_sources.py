"""Files as streams of plain bytes."""

import gzip
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from app.wire.sources import Plain


class Slow:
    """A stream whose read takes until it is let go on."""

    def __init__(self) -> None:
        self.reading, self.allowed, self.closed = threading.Event(), threading.Event(), False

    def read(self, size: int) -> bytes:
        """Wait, then give what was asked for."""
        self.reading.set()
        assert self.allowed.wait(30)
        assert not self.closed
        return b"x" * size

    def close(self) -> None:
        """Note that it is closed."""
        self.closed = True


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_the_place_is_that_of_the_bytes_that_were_given(tmp_path: Path, size: int) -> None:
    """Letters cut in two do not move it, a reading can begin before any, and it ends with the first repaired one."""
    path = tmp_path / "rows.csv"
    path.write_bytes("aé\N{GRINNING FACE}b".encode() + b"\xc3(" + b"c" * 9)
    with Plain(path, text=True) as plain:
        given = b""
        while plain.place is not None:
            assert path.read_bytes()[: plain.place] == given
            with suppress(UnicodeDecodeError), Plain(path, text=True, begin=plain.place) as later:
                assert given.decode() + later.read(99).decode() == path.read_bytes().decode("utf-8", "replace")
            given += plain.read(size)
        assert "\ufffd".encode()[:1] in given
    path.write_bytes(gzip.compress(b"plain"))
    with Plain(path) as plain:
        assert plain.place is None


def test_a_file_is_not_closed_under_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing waits for a read in another thread; a read after it gives nothing."""
    path = tmp_path / "rows.csv"
    path.write_bytes(b"x\n1\n")
    plain, slow, given = Plain(path), Slow(), list[Any]()
    monkeypatch.setattr(plain, "_stream", slow)
    reader = threading.Thread(target=lambda: given.append(plain.read(3)))
    reader.start()
    assert slow.reading.wait(30)
    closer = threading.Thread(target=plain.close)
    closer.start()
    closer.join(0.2)
    assert not slow.closed
    slow.allowed.set()
    reader.join(30)
    closer.join(30)
    assert given == [b"xxx"]
    assert slow.closed
    assert plain.read(3) == b""
