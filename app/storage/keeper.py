"""Starts an embedded Postgres again that died under its living service."""

import os
import subprocess
import threading
from pathlib import Path
from typing import Final, Self

import structlog

from app.errors import ConfigurationError
from app.storage import installation
from app.storage.embedded import EmbeddedPostgres

INTERVAL_S: Final = 0.5

log = structlog.get_logger()


class Keeper:
    """One daemon thread that looks after the server of a service."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="driftgauge-embedded", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            if runs(self._server.process_file):
                continue
            log.warning("embedded Postgres died, starting it again")
            try:
                self._server.revive()
            except (ConfigurationError, OSError, LookupError, subprocess.SubprocessError) as error:
                log.warning("embedded Postgres did not start", reason=str(error))


def runs(process_file: Path) -> bool:
    """Tell whether the process that a server's own file names lives."""
    try:
        pid = process_file.read_text().split("\n", 1)[0]
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return not installation.is_zombie(pid)
