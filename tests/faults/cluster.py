"""Debian's Postgres 15 on a port of its own, which may be stopped, crashed, frozen and starved of space."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from random import Random
from typing import Final, Self

import psutil
import psycopg

from faults.ports import free_port

BIN: Final = Path("/usr/lib/postgresql/15/bin")
OPTIONS: Final = ("shared_buffers=64MB", "max_connections=100", "client_connection_check_interval=1s")
_numbers = count(1)


class Cluster:
    """One Postgres server; every experiment takes a database of its own in it."""

    def __init__(self, *, volume: Path | None = None, wal: Path | None = None, options: Sequence[str] = ()) -> None:
        self.port = free_port()
        self.home = Path(tempfile.mkdtemp(prefix="dg-faults-"))
        self.home.chmod(0o755)
        self.data = (volume or self.home) / "data"
        self.wal = None if wal is None else wal / "wal"
        self.options = (*OPTIONS, *options)
        self.user = "postgres" if os.geteuid() == 0 else None

    def __enter__(self) -> Self:
        sockets = self.home / "sockets"
        sockets.mkdir()
        if self.user:
            for folder in (self.home, sockets, self.data.parent, *([] if self.wal is None else [self.wal.parent])):
                shutil.chown(folder, self.user, self.user)
        apart = [] if self.wal is None else ["-X", str(self.wal)]
        self._run("initdb", "-D", str(self.data), "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-locale", *apart)
        lines = [*self.options, f"port={self.port}", "listen_addresses='127.0.0.1'"]
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as configuration:
            configuration.write("\n".join([*lines, f"unix_socket_directories='{sockets}'", ""]))
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, psutil.Error, subprocess.SubprocessError):
            self.thaw()
            self.stop("immediate")
        shutil.rmtree(self.home, ignore_errors=True)

    def url(self, database: str, *, port: int | None = None) -> str:
        """How clients reach one of its databases, perhaps through a proxy's port."""
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}"

    def create(self) -> str:
        """Make an empty database and give its name."""
        name = f"faults_{next(_numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            conn.execute(f'CREATE DATABASE "{name}"'.encode())
        return name

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        log = str(self.home / "postgres.log")
        self._run("pg_ctl", "-D", str(self.data), "start", "-w", "-t", "60", "-l", log)

    def stop(self, mode: str) -> None:
        """Stop it: `fast` or `immediate`."""
        self._run("pg_ctl", "-D", str(self.data), "stop", "-w", "-m", mode)

    def crash(self, how: str, random: Random) -> float:
        """Crash it one way and bring it back; gives the moment at which it accepted connections again."""
        if how == "backend":
            victims = self.backends()
            if victims:
                with contextlib.suppress(psutil.NoSuchProcess):
                    random.choice(victims).kill()
        elif how == "postmaster":
            family = self.processes()
            family[0].kill()
            psutil.wait_procs(family, timeout=20)
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            self.start()
        else:
            self.stop("immediate")
            self.start()
        return self.accepting()

    def accepting(self, *, seconds: float = 60.0) -> float:
        """Wait until it accepts connections; gives the moment."""
        end = time.monotonic() + seconds
        while True:
            try:
                with psycopg.connect(self.url("postgres"), connect_timeout=2):
                    return time.monotonic()
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def recover(self) -> None:
        """Run again after an experiment that broke off."""
        with contextlib.suppress(OSError, psutil.Error):
            self.thaw()
        with contextlib.suppress(subprocess.SubprocessError):
            self.start()
        self.accepting()

    def processes(self) -> list[psutil.Process]:
        """The postmaster, then its children."""
        number = int((self.data / "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0])
        master = psutil.Process(number)
        return [master, *master.children(recursive=True)]

    def backends(self) -> list[psutil.Process]:
        """The processes that serve clients of the experiments' databases."""
        found = []
        for process in self.processes()[1:]:
            with contextlib.suppress(psutil.Error):
                if " faults_" in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def freeze(self) -> None:
        """Stop every process of it in its tracks."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let every process of it go on."""
        for process in reversed(self.processes()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(BIN / program), *arguments],
            check=True,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self.user,
            group=self.user,
            timeout=90,
        )


def available() -> bool:
    """Whether this machine has the server."""
    return (BIN / "initdb").exists()
