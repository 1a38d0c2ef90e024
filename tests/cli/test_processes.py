"""Whatever is started is ended: the service, its database, the demonstration and what it started."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from app.cli.demo.process import Serving
from app.errors import ConfigurationError
from service import Service, command, environment, processes_of, until


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_serve_ends_with_its_database(how: signal.Signals) -> None:
    """A signal drains the service: exit code 0, and the embedded Postgres ends with it."""
    with Service() as service:
        assert service.process is not None
        service.process.send_signal(how)
        assert service.process.wait(30) == 0
        assert not processes_of(service.data_dir)


EARLY = """
import signal, subprocess, sys
from contextlib import suppress
from app.cli import main, serve
how, when = signal.Signals[sys.argv.pop()], sys.argv.pop()
place, name = {
    "opening": (serve, "open_service"), "running": (serve.Server, "run"), "launching": (subprocess.Popen, "__init__")
}[when]
work = getattr(place, name)
def asked_behind(*given, **named):
    setattr(place, name, work)
    work(*given, **named)
    signal.raise_signal(how)
def asked_before(*given, **named):
    with suppress(BaseException):
        signal.raise_signal(how)
    return work(*given, **named)
setattr(place, name, asked_behind if when == "launching" else asked_before)
main.main()
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("when", ["launching", "opening", "running"])
def test_asked_to_end_while_it_starts(when: str, how: signal.Signals, tmp_path: Path) -> None:
    """A signal is heard while the database is launched, where a library swallows it, and before the server runs."""
    ran = subprocess.run(
        [sys.executable, "-c", EARLY, "serve", "--port", "0", when, how.name],
        env=environment(tmp_path),
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert ran.returncode in {0, 128 + how}, ran.stderr.decode()
    assert not processes_of(tmp_path)


def test_port_taken(taken: int, tmp_path: Path) -> None:
    """When the usual port is taken the demonstration's service takes another, and leaves nothing running."""
    with Serving(tmp_path / "data", port=taken) as serving:
        assert not serving.url.endswith(f":{taken}")
        assert httpx.get(f"{serving.url}/readyz", timeout=30).status_code == 200
        assert processes_of(tmp_path)
    assert not processes_of(tmp_path)


def test_start_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that cannot start is reported with the end of its log."""
    monkeypatch.setenv("DRIFTGAUGE_MIN_ROWS", "none")
    with pytest.raises(ConfigurationError, match="DRIFTGAUGE_MIN_ROWS"), Serving(tmp_path, port=0):
        pass


@pytest.fixture
def ignoring_interrupts() -> Iterator[None]:
    """What a shell without job control hands to the jobs that it starts with `&`."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("ignoring_interrupts")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_demo_interrupted(how: signal.Signals, tmp_path: Path) -> None:
    """Ended in the middle, even as a shell's background job, the demonstration takes all it started with it."""
    log = tmp_path / "demo.log"
    with log.open("wb") as out:
        demo = subprocess.Popen(
            command("demo"), env=environment(tmp_path), cwd=tmp_path, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        until(lambda: bool(processes_of(tmp_path)), what="the database")
        started = psutil.Process(demo.pid).children(recursive=True)
        time.sleep(1)
        demo.send_signal(how)
        assert demo.wait(120) not in {0, -9}, log.read_text()
        assert not processes_of(tmp_path), log.read_text()
        assert not any(process.is_running() for process in started)
    finally:
        demo.terminate()
        demo.wait(120)
