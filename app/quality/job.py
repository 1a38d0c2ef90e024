"""What the service and the process that validates say to each other: frames of MessagePack, each after its length."""

import struct
from typing import IO, Any, Final

import msgspec

_LENGTH: Final = struct.Struct("<Q")


class Task(msgspec.Struct, frozen=True, omit_defaults=True):
    """One expectation to check: its number in the suite, type and arguments."""

    number: int
    type: str
    kwargs: dict[str, Any]


class Job(msgspec.Struct, frozen=True):
    """Columns of equal length and what is expected of them; `values` asks for examples of unexpected ones.

    `cells` names the columns that are CSV cells as they stand, `types` what Arrow calls those of others.
    """

    columns: dict[str, list[Any]]
    tasks: list[Task]
    values: bool
    deadline_s: float
    cells: list[str] = []
    types: dict[str, str] = {}


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one task; `error` is a stable word."""

    number: int
    success: bool
    ratio: float | None = None
    error: str | None = None
    values: list[Any] | None = None


class Turn(msgspec.Struct, frozen=True):
    """Answers as they come; `last` ends a job."""

    answers: list[Answer]
    last: bool = False


def packed(message: msgspec.Struct) -> bytes:
    """Write a message with its length before it."""
    body = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(body)) + body


def length_of(head: bytes) -> int:
    """Read the length before a message."""
    return int(_LENGTH.unpack(head)[0])


HEAD: Final = _LENGTH.size


def read_job(stream: IO[bytes]) -> Job | None:
    """Read the next job; None when nobody asks any more."""
    head = stream.read(HEAD)
    if len(head) < HEAD:
        return None
    return msgspec.msgpack.decode(stream.read(length_of(head)), type=Job)
