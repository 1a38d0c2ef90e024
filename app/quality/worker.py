"""The process that validates: `python -m app.quality.worker MEMORY_BYTES`, jobs in, answers out, nothing else."""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Sequence
from typing import IO, Any, Final

from app.quality.job import Answer, Turn, packed, read_job

_PARENT_DEATH_SIGNAL: Final = 1
_FORBIDDEN: Final = (
    "socket.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "urllib.",
    "http.",
    "ftplib.",
    "smtplib.",
)


def confine(memory_bytes: int) -> None:
    """Bound the memory, yield to whoever needs the processor, and end with the service."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(10)
    if hasattr(os, "SCHED_BATCH"):  # never to push aside who serves a request; an idle class might wait for ever
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def seal() -> None:
    """Refuse from now on to reach the network and to start programs."""

    def refuse(event: str, _: Any) -> None:
        if event.startswith(_FORBIDDEN):
            message = f"{event} is not for the process that validates"
            raise PermissionError(message)

    sys.addaudithook(refuse)


def serve(jobs: IO[bytes], answers: IO[bytes]) -> None:
    """Answer jobs one by one until nobody asks any more."""
    seal()
    from app.quality.engine import Engine  # noqa: PLC0415 - seconds and hundreds of megabytes, under the limits
    from app.quality.frame import frame_of  # noqa: PLC0415 - as above

    def report(found: Sequence[Answer], *, last: bool = False) -> None:
        answers.write(packed(Turn(list(found), last)))
        answers.flush()

    engine = Engine.start()
    report([], last=True)
    while (job := read_job(jobs)) is not None:
        try:
            frame = frame_of(job.columns, job.cells, job.types)
        except MemoryError:
            report([Answer(task.number, success=False, error="memory") for task in job.tasks], last=True)
            continue
        engine.validate(frame, job.tasks, values=job.values, deadline_s=job.deadline_s, report=report)
        report([], last=True)


def main() -> None:
    """Take over the standard streams, so that nothing a library prints is taken for an answer."""
    confine(int(sys.argv[1]))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
