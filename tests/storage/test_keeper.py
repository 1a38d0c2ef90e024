"""A service with an embedded server needs nobody to start that again."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.storage.embedded import EmbeddedPostgres
from app.storage.keeper import Keeper, runs

pytestmark = pytest.mark.postgres


@pytest.fixture
def home() -> Iterator[Path]:
    """A data directory that is gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="driftgauge-test-"))
    yield path
    shutil.rmtree(path)


def test_a_killed_server_is_back(home: Path) -> None:
    """What was committed before kill -9 of the server is read again without a call to start it."""
    with EmbeddedPostgres(home) as server, Keeper(server):
        with psycopg.connect(server.url) as conn:
            conn.execute("CREATE TABLE t AS SELECT 42 AS answer")
        for _ in range(2):
            os.kill(int(server.process_file.read_text().split("\n", 1)[0]), signal.SIGKILL)
            assert _answer(server.url) == (42,)


def test_a_stopped_server_stays_stopped(home: Path) -> None:
    """Leaving ends the watch before the server."""
    with EmbeddedPostgres(home) as server, Keeper(server):
        assert runs(server.process_file)
    assert not runs(server.process_file)


@pytest.mark.parametrize("text", ["", "no number\n", "-\n", "99999999999999999999\n"])
def test_an_unreadable_process_file(tmp_path: Path, text: str) -> None:
    """A file that names no process names no living one."""
    path = tmp_path / "postmaster.pid"
    path.write_text(text)
    assert not runs(path)
    assert not runs(tmp_path / "nothing")


def test_a_zombie_does_not_run(tmp_path: Path) -> None:
    """A dead process that nobody has asked for its exit is dead."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    path = tmp_path / "postmaster.pid"
    path.write_text(f"{child.pid}\n")
    deadline = time.monotonic() + 60
    while runs(path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(path)
    child.wait()


def _answer(url: str) -> object:
    deadline = time.monotonic() + 60
    while True:
        try:
            with psycopg.connect(url) as conn:
                return conn.execute("SELECT answer FROM t").fetchone()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
