"""One `driftgauge serve` on a fixed port, which may be killed, frozen and started again by its supervisor."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import httpx
import psutil

from faults.ports import free_port
from service import command

ROOT: Final = Path(__file__).parents[2]
SETTINGS: Final[Mapping[str, str]] = {
    "DRIFTGAUGE_FOLD_INTERVAL": "50ms",
    "DRIFTGAUGE_EVALUATE_INTERVAL": "2s",
    "DRIFTGAUGE_REFRESH_INTERVAL": "500ms",
    "DRIFTGAUGE_PRUNE_INTERVAL": "1s",
}
START_SECONDS: Final = 90.0
STOP_SECONDS: Final = 15.0


class Replica:
    """A replica of the service on a database; `mutant` names a seeded bug to run it with."""

    def __init__(
        self, database_url: str, home: Path, settings: Mapping[str, str] | None = None, *, mutant: str | None = None
    ) -> None:
        self.database_url = database_url
        self.port = free_port()
        self.home = home
        self.log = home / f"replica-{self.port}.log"
        self.settings = dict(settings or {})
        self.mutant = mutant
        self.process: subprocess.Popen[bytes] | None = None
        self.starts: list[float] = []
        self.efforts: list[float] = []
        self.peak_bytes = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def url(self) -> str:
        """Where it answers, dead or alive."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether its process runs, frozen or not."""
        return self.process is not None and self.process.poll() is None

    def launch(self, extra: Mapping[str, str] | None = None) -> None:
        """Start the program without waiting for it."""
        arguments = ["serve", "--port", str(self.port)]
        program = command(*arguments)
        if self.mutant is not None:
            program = [sys.executable, str(Path(__file__).with_name("mutants.py")), self.mutant, *arguments]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTGAUGE_")}
        own = {"DRIFTGAUGE_DATABASE_URL": self.database_url, "DRIFTGAUGE_DATA_DIR": str(self.home)}
        own |= {"PYTHONFAULTHANDLER": "1"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                program,
                env=kept | dict(SETTINGS) | own | self.settings | dict(extra or {}),
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self, extra: Mapping[str, str] | None = None) -> None:
        """Start the program and wait until it answers."""
        began = time.monotonic()
        self.launch(extra)
        self.wait_ready()
        self.starts.append(time.monotonic() - began)
        if self.process is not None:
            with contextlib.suppress(psutil.Error):
                self.efforts.append(sum(psutil.Process(self.process.pid).cpu_times()[:2]))

    def wait_ready(self, *, seconds: float = START_SECONDS) -> None:
        """Wait until it answers that it is ready."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not self.alive:
                raise AssertionError(f"the replica ended while it started:\n{self.tail()}")
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz", timeout=5.0).is_success:
                    return
            time.sleep(0.02)
        raise AssertionError(f"the replica was not ready within {seconds} s:\n{self.tail()}")

    def kill(self) -> None:
        """End it as a crash would."""
        self.measure()
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def terminate(self) -> tuple[int, float]:
        """Ask it to end; gives its exit code and how long it took."""
        self.measure()
        began = time.monotonic()
        self._signal(signal.SIGTERM)
        if self.process is None:
            raise AssertionError("the replica does not run")
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGABRT)  # writes the stack of every thread into the log
            code = self.process.wait()
        return code, time.monotonic() - began

    def freeze(self) -> None:
        """Stop it in its tracks."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def end(self) -> None:
        """End it, whatever state it is in."""
        self.thaw()
        self.kill()

    def hits(self) -> Counter[str]:
        """How often each failpoint was hit since the first start."""
        found: Counter[str] = Counter()
        for line in self.log.read_bytes().splitlines():
            if b'"event": "failpoint"' in line:
                with contextlib.suppress(ValueError):
                    found[json.loads(line)["point"]] += 1
        return found

    def tail(self, lines: int = 30) -> str:
        """The last lines of its log."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def measure(self) -> None:
        """Note the most memory it held so far."""
        if self.process is not None and self.alive:
            with contextlib.suppress(psutil.Error):
                self.peak_bytes = max(self.peak_bytes, _peak(self.process.pid))

    def _signal(self, number: signal.Signals) -> None:
        if self.alive and self.process is not None:
            self.process.send_signal(number)


def _peak(pid: int) -> int:
    """The most memory that a process ever held at once, as the kernel counts it."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
