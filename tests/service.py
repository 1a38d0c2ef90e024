"""A real Driftgauge process on a data directory of its own, for tests that look from outside."""

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Final, Self

import httpx
import psutil

FAST: Final[Mapping[str, str]] = {
    "DRIFTGAUGE_FOLD_INTERVAL": "50ms",
    "DRIFTGAUGE_EVALUATE_INTERVAL": "200ms",
    "DRIFTGAUGE_REFRESH_INTERVAL": "50ms",
    "DRIFTGAUGE_REQUEST_DEADLINE": "60s",
    "DRIFTGAUGE_DATABASE_DEADLINE": "50s",
    "DRIFTGAUGE_LEDGER_RETENTION": "400h",
}
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0


def command(*arguments: str) -> list[str]:
    """The program as installed beside this interpreter, else the same entry as a module."""
    script = Path(sys.executable).with_name("driftgauge")
    return [str(script), *arguments] if script.exists() else [sys.executable, "-m", "app.cli.main", *arguments]


def environment(data_dir: Path, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without foreign settings, with fast intervals and the given data directory."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTGAUGE_")}
    return kept | dict(FAST) | {"DRIFTGAUGE_DATA_DIR": str(data_dir)} | dict(settings or {})


def processes_of(data_dir: Path) -> list[psutil.Process]:
    """Every live process whose command line names the data directory or a folder below it."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            named = any(str(data_dir) in word for word in process.cmdline())
            if named and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def until(found: Callable[[], bool], *, seconds: float = 30.0, what: str = "the condition") -> None:
    """Poll until the condition holds, or fail naming it."""
    end = time.monotonic() + seconds
    while not found():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {seconds} s")
        time.sleep(0.02)


class Service:
    """One `driftgauge serve`, on a free port unless told; may be killed and started again on its data directory."""

    def __init__(self, settings: Mapping[str, str] | None = None, *, port: int = 0) -> None:
        self.port = port
        self.root = Path(tempfile.mkdtemp(prefix="dg-"))
        self.data_dir = self.root / "data"
        self.log = self.root / "service.log"
        self.settings = dict(settings or {})
        self.url = ""
        self.process: subprocess.Popen[str] | None = None
        self._client: httpx.Client | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except AssertionError:
            self.close(keep=True)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def client(self) -> httpx.Client:
        """An HTTP client of the running process."""
        if self._client is None:
            self._client = httpx.Client(base_url=self.url, timeout=120.0)
        return self._client

    def start(self) -> None:
        """Start the program and wait for its ready line."""
        with self.log.open("a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                command("serve", "--port", str(self.port)),
                env=environment(self.data_dir, self.settings),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        stdout = self.process.stdout
        if stdout is None:
            raise AssertionError("no standard output")
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_pump, args=(stdout, lines), daemon=True).start()
        try:
            line = lines.get(timeout=START_SECONDS)
        except queue.Empty:
            line = ""
        if not line.strip():
            self.stop()
            raise AssertionError(f"the service did not become ready; its log ends with:\n{self.tail()}")
        ready = json.loads(line)
        if ready["event"] != "ready":
            raise AssertionError(f"standard output begins with {line!r}, not with the ready line")
        self.url = ready["url"]

    def kill(self) -> None:
        """End the program as a crash would, leaving everything else as it is."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask the program to end, and answer its exit code."""
        return self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Start again after a kill or a stop, on the same data directory."""
        self.start()

    def close(self, *, keep: bool = False) -> None:
        """End everything that was started on the data directory; remove it unless the log is still wanted."""
        if self.process is not None:
            self.stop()
        for process in processes_of(self.data_dir):
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGQUIT)
        _, alive = psutil.wait_procs(processes_of(self.data_dir), timeout=10)
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if not keep:
            shutil.rmtree(self.root, ignore_errors=True)

    def tail(self, lines: int = 60) -> str:
        """The last lines of the log, and how the process ended if it did."""
        ended = None if self.process is None else self.process.poll()
        last = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        return "\n".join([*last, "still running" if ended is None else f"ended with {ended}"])

    def run(self, *arguments: str, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run another command of the program against this service's data directory."""
        return subprocess.run(
            command(*arguments),
            env=environment(self.data_dir, self.settings),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def _end(self, how: signal.Signals) -> int:
        process = self.process
        if process is None:
            raise AssertionError("the service is not running")
        if self._client is not None:
            self._client.close()
            self._client = None
        process.send_signal(how)
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = -9
        self.process = None
        return code


def _pump(stdout: IO[str], lines: "queue.Queue[str]") -> None:
    """Hand on the first line, an empty one when there is none, and drain the rest."""
    with stdout:
        lines.put(stdout.readline())
        for _ in stdout:
            pass
