"""The handle of the process that validates: started when needed, killed when it hangs, replaced when it dies."""

import contextlib
import importlib.util
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from app.quality.job import HEAD, Answer, Job, Task, Turn, length_of, packed

LIBRARY: Final = "great_expectations"
START_S: Final = 300.0
GRACE_S: Final = 2.0
PATIENCE: Final = 20
"""How much longer than the deadline, which is of processor time, an answer may take while others are served first."""
POLL_S: Final = 1.0
_PASSED: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TZ", "VIRTUAL_ENV", "SYSTEMROOT")
_QUIET: Final = {
    "GX_ANALYTICS_ENABLED": "false",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONWARNINGS": "ignore",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class GoneError(Exception):
    """The process died or went silent; what it had answered before was handed on."""

    def __init__(self, word: str) -> None:
        """Keep the stable word for what was not answered: `deadline` or `worker_died`."""
        super().__init__(word)
        self.word = word


def installed() -> bool:
    """Tell whether Great Expectations can be imported, without importing it."""
    return importlib.util.find_spec(LIBRARY) is not None


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much one validation may take."""

    deadline_s: float = 30.0
    memory_bytes: int = 4 * 2**30
    idle_s: float = 120.0


class Limit:
    """Until when a process may take, by the clock and by its own processor time."""

    def __init__(self, pid: int, *, deadline_s: float, wall_s: float) -> None:
        """Begin now; where nobody tells another process's time only the clock counts."""
        self._clock = ~pid << 3 | 2  # Linux: the processor clock of a process
        self._spent_s = self._spent() + deadline_s
        self._end_s = time.monotonic() + wall_s

    def check(self) -> float:
        """Give how long to wait before the next look; GoneError when there is no time left."""
        left = self._end_s - time.monotonic()
        if left <= 0 or self._spent() > self._spent_s:
            raise GoneError("deadline")
        return min(left, POLL_S)

    def _spent(self) -> float:
        try:
            return time.clock_gettime(self._clock)
        except OSError:
            return 0.0


class Examiner:
    """One process at most, used by one thread."""

    def __init__(self, bounds: Bounds, *, home: Path) -> None:
        """Prepare; nothing is started before the first job."""
        self.bounds = bounds
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None
        self._used_at = 0.0

    @property
    def pid(self) -> int | None:
        """Give the number of the running process, if there is one."""
        return None if self._process is None else self._process.pid

    def answers(  # noqa: PLR0913 - what a job is made of
        self,
        columns: dict[str, list[Any]],
        tasks: Sequence[Task],
        *,
        values: bool,
        deadline_s: float,
        cells: Iterable[str] = (),
        types: Mapping[str, str] | None = None,
    ) -> Iterator[Answer]:
        """Give answers as they come; GoneError when the process does not answer them all in time.

        `deadline_s` is processor time.
        """
        process = self._ready()
        job = packed(Job(columns, list(tasks), values, deadline_s, list(cells), dict(types or {})))
        limit = Limit(process.pid, deadline_s=2 * deadline_s + GRACE_S, wall_s=PATIENCE * deadline_s + GRACE_S)
        try:
            self._send(process, job, limit)
            while True:
                turn = self._turn(process, limit)
                yield from turn.answers
                if turn.last:
                    break
        except GoneError:
            self.stop()
            raise
        self._used_at = time.monotonic()

    def rest(self) -> None:
        """End a process that nobody has needed for a while."""
        if self._process is not None and time.monotonic() - self._used_at > self.bounds.idle_s:
            self.stop()

    def kill(self) -> None:
        """End the process from another thread; the one that uses it notices."""
        process = self._process
        if process is not None:
            process.kill()

    def stop(self) -> None:
        """Kill the process; it holds nothing that is not stored elsewhere."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            process.wait()

    def _ready(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.stop()
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", "-m", "app.quality.worker", str(self.bounds.memory_bytes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment(),
                cwd=self._home,
                bufsize=0,
            )
            try:
                self._turn(self._process, Limit(self._process.pid, deadline_s=START_S, wall_s=START_S))
            except GoneError:
                self.stop()
                raise GoneError("worker_died") from None
            self._used_at = time.monotonic()
        return self._process

    def _environment(self) -> dict[str, str]:
        """Pass on what a program needs to run, and none of the service's secrets."""
        kept = {name: os.environ[name] for name in _PASSED if name in os.environ}
        root = str(Path(__file__).parents[2])
        return kept | _QUIET | {"HOME": str(self._home), "PYTHONPATH": root}

    @staticmethod
    def _send(process: subprocess.Popen[bytes], message: bytes, limit: Limit) -> None:
        assert process.stdin is not None  # noqa: S101 - it was opened as a pipe
        view, descriptor = memoryview(message), process.stdin.fileno()
        os.set_blocking(descriptor, False)
        with selectors.DefaultSelector() as ready:
            ready.register(descriptor, selectors.EVENT_WRITE)
            while view:
                if not ready.select(limit.check()):
                    continue
                try:
                    view = view[os.write(descriptor, view) :]
                except BlockingIOError:
                    continue
                except OSError as error:
                    raise GoneError("worker_died") from error

    def _turn(self, process: subprocess.Popen[bytes], limit: Limit) -> Turn:
        head = self._read(process, HEAD, limit)
        return msgspec.msgpack.decode(self._read(process, length_of(head), limit), type=Turn)

    @staticmethod
    def _read(process: subprocess.Popen[bytes], size: int, limit: Limit) -> bytes:
        assert process.stdout is not None  # noqa: S101 - it was opened as a pipe
        descriptor = process.stdout.fileno()
        parts = bytearray()
        with selectors.DefaultSelector() as ready:
            ready.register(descriptor, selectors.EVENT_READ)
            while len(parts) < size:
                if not ready.select(limit.check()):
                    continue
                part = os.read(descriptor, min(size - len(parts), 1 << 20))
                if not part:
                    raise GoneError("worker_died")
                parts += part
        return bytes(parts)
