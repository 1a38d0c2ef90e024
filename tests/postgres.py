"""Real Postgres servers for tests: the embedded one, or Debian's 15."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final, Self

import psycopg

from app.storage.embedded import EmbeddedPostgres
from app.storage.migrate import migrate

DEBIAN_15: Final = Path("/usr/lib/postgresql/15/bin")
_TEMPLATE: Final = "migrated"


class Server:
    """A running server that hands out databases."""

    def __init__(self, url: str, log: Path) -> None:
        self._url = url
        self.log = log
        self._numbers = count(1)

    def url(self, name: str) -> str:
        """The URL of one of its databases."""
        return self._url.replace("/postgres?", f"/{name}?")

    def create(self, *, template: str = "template0") -> str:
        """Make a database and give its name."""
        name = f"test_{next(self._numbers)}"
        self.run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is connected."""
        self.run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def run(self, statement: str) -> None:
        """Run one statement outside any transaction."""
        with psycopg.connect(self._url, autocommit=True) as conn:
            conn.execute(statement.encode())

    @property
    def template(self) -> str:
        """The name of a migrated database nobody is connected to."""
        with psycopg.connect(self._url, autocommit=True) as conn:
            if conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_TEMPLATE]).fetchone() is None:
                conn.execute(f'CREATE DATABASE "{_TEMPLATE}" TEMPLATE template0'.encode())
                migrate(self.url(_TEMPLATE))
        return _TEMPLATE


@contextmanager
def server(kind: str | None = None) -> Iterator[Server]:
    """Run the server that DRIFTGAUGE_TEST_POSTGRES names, embedded unless told, and stop it at the end."""
    kind = kind or os.environ.get("DRIFTGAUGE_TEST_POSTGRES", "embedded")
    home = Path(tempfile.mkdtemp(prefix="driftgauge-test-"))
    try:
        if kind == "embedded":
            with EmbeddedPostgres(home) as embedded:
                yield Server(embedded.url, home / "postgres" / "log")
        else:
            with _Debian(home) as debian:
                yield Server(debian.url, home / "log")
    finally:
        shutil.rmtree(home, ignore_errors=True)


class _Debian:
    """Postgres 15 as Debian packages it, on a socket in a temporary directory."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._cluster = home / "cluster"
        self._user = "postgres" if os.geteuid() == 0 else None
        self.url = f"postgresql://postgres@/postgres?host={home}"

    def __enter__(self) -> Self:
        if self._user:
            shutil.chown(self._home, self._user, self._user)
        self._run("initdb", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={self._home} -c shared_buffers=64MB"
        self._run("pg_ctl", "start", "-w", "-l", str(self._home / "log"), "-o", options)
        return self

    def __exit__(self, *_: object) -> None:
        self._run("pg_ctl", "stop", "-m", "immediate", "-w")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(DEBIAN_15 / program), "-D", str(self._cluster), *arguments]
        quiet = subprocess.DEVNULL
        subprocess.run(command, check=True, cwd="/", stdout=quiet, stderr=quiet, user=self._user, group=self._user)
