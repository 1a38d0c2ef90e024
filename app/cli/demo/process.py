"""A service of one's own, as a child process that never outlives its context."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from app.errors import ConfigurationError

HOST: Final = "127.0.0.1"
STOP_SECONDS: Final = 90
LAST_LINES: Final = 5


class Serving:
    """`driftgauge serve` on the embedded Postgres of a folder; `url` is known once it answers."""

    def __init__(
        self, data_dir: Path, *, port: int, held: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        """Have signals `held` while the process starts: interrupted there, it would be left behind."""
        self.log = data_dir / "service.log"
        self.url = ""
        self._environment = {
            "DRIFTGAUGE_EVALUATE_INTERVAL": "1s",
            **{name: value for name, value in os.environ.items() if name != "DRIFTGAUGE_DATABASE_URL"},
            "DRIFTGAUGE_DATA_DIR": str(data_dir),
        }
        self._port = port
        self._held = held
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        port = self._port if _free(self._port) else 0
        try:
            with self.log.open("a", encoding="utf-8") as log, self._held():
                self._process = process = subprocess.Popen(  # noqa: S603 - ourselves
                    [sys.executable, "-P", "-m", "app.cli.main", "serve", "--host", HOST, "--port", str(port)],
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    start_new_session=True,  # Ctrl-C is for us; we then end it in good order
                )
            line = process.stdout.readline() if process.stdout else ""
        except BaseException:
            self.stop()
            raise
        if not line:
            self.stop()
            raise ConfigurationError(f"the service did not start: {self.last_words()}")
        self.url = str(json.loads(line)["url"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait(self) -> None:
        """Wait until the service ends, which it does only when something is wrong."""
        if self._process is not None:
            self._process.wait()
            raise ConfigurationError(f"the service ended: {self.last_words()}")

    def stop(self) -> None:
        """Let the service finish its work and stop its database; further Ctrl-C cannot interrupt that."""
        process, self._process = self._process, None
        if process is None:
            return
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            process.terminate()
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        finally:
            signal.signal(signal.SIGINT, before)
            if process.stdout:
                process.stdout.close()

    def last_words(self) -> str:
        """Give the end of the service's log, and where it is."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        return "\n".join([*lines, f"(the whole log: {self.log})"])


def _free(port: int) -> bool:
    """Whether nobody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
