"""How long a connection is borne, and what it is waited for."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

_BEATS: Final = 4
_LONGEST_BEAT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may take: bytes of head, seconds to send it, and the least speed of body and answer.

    `waiting` is how many requests of one connection may wait for the answer to an earlier one.
    """

    head_bytes: int = 16 * 1024
    head_s: float = 5.0
    bytes_per_second: int = 16 * 1024
    connections: int = 1000
    waiting: int = 16

    @property
    def beat_s(self) -> float:
        """Give the time between two looks at a connection."""
        return min(_LONGEST_BEAT_S, self.head_s / _BEATS)


class Phase(Enum):
    """What a connection is waiting for."""

    HEAD = auto()
    BODY = auto()
    NOTHING = auto()
    END = auto()


class FloodError(Exception):
    """Stops the parser where there is too much: in a head that is too large, or before one request too many."""
