"""The embedded server outlives its service only when it must."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psutil
import psycopg
import pytest

from app.errors import ConfigurationError
from app.storage import installation
from app.storage.embedded import EmbeddedPostgres
from service import processes_of, until

pytestmark = pytest.mark.postgres

SERVICE = """
import sys
from pathlib import Path
from app.storage.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A data directory whose server is gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="driftgauge-test-"))
    yield path
    if (path / "postgres" / "postmaster.pid").exists():
        with EmbeddedPostgres(path):
            pass
    shutil.rmtree(path)


class Service:
    """A process of its own that uses the directory until its input ends."""

    def __init__(self, home: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVICE, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = self._pipe(self._process.stdout).readline().strip()

    def leave(self) -> None:
        """Exit cleanly."""
        self._process.communicate("")
        assert self._process.returncode == 0

    def kill(self) -> None:
        """Die at once."""
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


def _server_pid(url: str) -> int | None:
    try:
        with psycopg.connect(url, connect_timeout=3) as conn:
            row = conn.execute(
                "SELECT pg_postmaster_start_time(), split_part(pg_read_file('postmaster.pid'), E'\\n', 1)"
            )
            return int((row.fetchone() or (0, 0))[1])
    except psycopg.OperationalError:
        return None


def test_a_server_starts_keeps_its_data_and_stops(home: Path) -> None:
    """What was written is there after a clean stop and start."""
    with EmbeddedPostgres(home) as server, psycopg.connect(server.url) as conn:
        assert server.start() == server.url
        conn.execute("CREATE TABLE t AS SELECT 42 AS answer")
    assert _server_pid(server.url) is None
    server.stop()
    with EmbeddedPostgres(home) as server, psycopg.connect(server.url) as conn:
        assert conn.execute("SELECT answer FROM t").fetchone() == (42,)


def test_it_keeps_the_promises_of_a_database(home: Path) -> None:
    """It syncs, listens on no port, and its encoding holds any name."""
    with EmbeddedPostgres(home) as server, psycopg.connect(server.url) as conn:
        settings = ["fsync", "full_page_writes", "synchronous_commit", "listen_addresses", "server_encoding"]
        values = [conn.execute(f"SHOW {name}".encode()).fetchone() for name in settings]
    assert values == [("on",), ("on",), ("on",), ("",), ("UTF8",)]


def test_a_killed_service_is_succeeded(home: Path) -> None:
    """After kill -9 the next service finds the same server, and its clean exit stops it."""
    first = Service(home)
    pid = _server_pid(first.url)
    first.kill()
    assert _server_pid(first.url) == pid
    second = Service(home)
    assert _server_pid(second.url) == pid
    second.leave()
    assert _server_pid(second.url) is None


def test_two_services_share_a_directory(home: Path) -> None:
    """The server stops with the last living service, in whatever order they leave."""
    first, second, third = Service(home), Service(home), Service(home)
    pid = _server_pid(first.url)
    assert first.url == second.url == third.url
    first.leave()
    assert _server_pid(second.url) == pid
    second.kill()
    assert _server_pid(third.url) == pid
    third.leave()
    assert _server_pid(third.url) is None


def test_a_crashed_server_recovers(home: Path) -> None:
    """After kill -9 of the server itself, what was committed is there."""
    with EmbeddedPostgres(home) as server:
        with psycopg.connect(server.url) as conn:
            conn.execute("CREATE TABLE t AS SELECT 42 AS answer")
        pid = _server_pid(server.url)
        os.kill(pid or 0, signal.SIGKILL)
        with EmbeddedPostgres(home) as again, psycopg.connect(again.url) as conn:
            assert conn.execute("SELECT answer FROM t").fetchone() == (42,)


def test_a_server_that_died_under_its_service_is_revived(home: Path) -> None:
    """A living service may start its dead server again, and leaves a living one alone."""
    with EmbeddedPostgres(home) as server:
        pid = _server_pid(server.url)
        server.revive()
        assert _server_pid(server.url) == pid
        os.kill(pid or 0, signal.SIGKILL)
        server.revive()
        assert _server_pid(server.url) not in {None, pid}
    server.revive()
    assert _server_pid(server.url) is None


def test_an_interrupted_first_start_is_made_good(home: Path) -> None:
    """A cluster that was being made when the service died is made anew."""
    half = home / "postgres"
    (half / "draft" / "base").mkdir(parents=True)
    (half / "base" / "1").mkdir(parents=True)
    (half / "base" / "1" / "junk").write_text("junk")
    with EmbeddedPostgres(home) as server:
        assert _server_pid(server.url) is not None


@pytest.mark.parametrize("word", ["initdb", "listen_addresses="])
def test_an_interrupted_start_leaves_nothing_behind(home: Path, word: str) -> None:
    """Ended while its cluster is made, or while its server starts, a service takes with it what it has begun."""
    told = "import signal\nsignal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))\n"
    with subprocess.Popen([sys.executable, "-c", f"import sys\n{told}{SERVICE}", str(home)]) as service:
        until(lambda: any(word in part for one in processes_of(home) for part in words_of(one)), what=word)
        service.terminate()
        assert service.wait(120) == 128 + signal.SIGTERM
    assert not processes_of(home)


def words_of(process: psutil.Process) -> list[str]:
    """The command line of a process, if it still is one."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_long_path_gets_a_socket_elsewhere(home: Path) -> None:
    """A socket's path is short even where the directory's is not."""
    deep = home / ("d" * 100) / "a place"
    with EmbeddedPostgres(deep) as server:
        assert _server_pid(server.url) is not None
    shutil.rmtree(server.url.partition("host=")[2])


def test_a_directory_that_cannot_be_used_is_told(home: Path) -> None:
    """A file in the way, and data of another Postgres, are configuration errors that say so."""
    (home / "file").write_text("")
    with pytest.raises(ConfigurationError, match="File exists"):
        EmbeddedPostgres(home / "file").start()
    other = home / "other"
    (other / "postgres").mkdir(parents=True)
    (other / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(ConfigurationError, match="written by Postgres 15"):
        EmbeddedPostgres(other).start()


def test_a_missing_wheel_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the binaries the message names the setting that does without them."""
    monkeypatch.setattr(installation, "_INSTALLATION", "none")
    with pytest.raises(ConfigurationError, match="DRIFTGAUGE_DATABASE_URL"):
        EmbeddedPostgres(home).start()
