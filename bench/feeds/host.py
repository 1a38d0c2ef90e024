"""A service on one core, its Postgres and its clients on the others."""

import http.client
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.storage.embedded import EmbeddedPostgres

CORES: Final = sorted(os.sched_getaffinity(0))
SERVICE_CORES: Final = frozenset(CORES[:1])
OTHER_CORES: Final = frozenset(CORES[1:] or CORES)
MIB: Final = 1 << 20
DEADLINE_S: Final = 900


@dataclass(frozen=True, slots=True)
class Host:
    """A process that answers HTTP."""

    port: int
    pid: int

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        """Send one request and give status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def good(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send one request that must succeed."""
        status, answer = self.call(method, path, body, **headers)
        assert status < 300, f"{method} {path}: {status} {answer[:300]!r}"  # noqa: PLR2004 - the end of success
        return json.loads(answer or b"null")

    def processor_s(self) -> float:
        """Seconds of processor time spent so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def spread(self) -> None:
        """Let it run on every core, the threads that it has already included."""
        for thread in Path(f"/proc/{self.pid}/task").iterdir():
            with suppress(OSError):
                os.sched_setaffinity(int(thread.name), CORES)

    def forget_peak(self) -> None:
        """Begin to watch the memory anew, where the kernel lets us."""
        with suppress(OSError):
            Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def peak_mib(self) -> float:
        """The largest resident set so far."""
        with Path(f"/proc/{self.pid}/status").open(encoding="ascii") as status:
            return next((int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM")), float("nan"))


@contextmanager
def service(**settings: str) -> Iterator[Host]:
    """Run Driftgauge on the first core."""
    os.sched_setaffinity(0, OTHER_CORES)
    with tempfile.TemporaryDirectory(prefix="dg-bench-") as home, EmbeddedPostgres(Path(home) / "db") as database:
        named = {f"DRIFTGAUGE_{name.upper()}": value for name, value in settings.items()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTGAUGE_")}
        own = {"DRIFTGAUGE_DATABASE_URL": database.url, "DRIFTGAUGE_DATA_DIR": f"{home}/data"}
        program = [sys.executable, "-m", "app.cli.main", "serve", "--port", "0"]
        with (
            (Path(home) / "log").open("w+", encoding="utf-8") as log,
            _running(program, env=kept | own | named, stderr=log) as process,
        ):
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                log.seek(0)
                raise SystemExit(f"the service did not start:\n{log.read()[-2000:]}")
            yield Host(json.loads(line)["port"], process.pid)


@contextmanager
def peer(script: Path) -> Iterator[Host]:
    """Run another program that prints its port, on the first core."""
    with _running([sys.executable, str(script)], env=dict(os.environ), stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        yield Host(int(process.stdout.readline()), process.pid)


def told(python: Path, script: str, *arguments: int) -> float:
    """Run a script beside this one on the first core, with another interpreter, and give the number that it prints."""
    program = [str(python), str(Path(__file__).with_name(script)), *map(str, arguments)]
    with _running(program, env=dict(os.environ), stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        return float(process.stdout.read())


@contextmanager
def _running(program: list[str], *, env: dict[str, str], stderr: Any) -> Iterator[subprocess.Popen[str]]:
    root = Path(__file__).parents[2]
    with subprocess.Popen(program, env=env, stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=root) as process:
        os.sched_setaffinity(process.pid, SERVICE_CORES)
        try:
            yield process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
