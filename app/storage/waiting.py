"""Deliveries that wait for their commit."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from app.errors import Unavailable
from app.storage.ledger import Delivery, Outcome


@dataclass(slots=True)
class Waiting:
    """A delivery, and the future that tells what became of it."""

    delivery: Delivery
    future: Future[Outcome] = field(default_factory=Future)


Group = Sequence[Waiting]


@dataclass(frozen=True, slots=True)
class Handed:
    """A group that somebody else goes on with; `doubt` says why nobody knows whether it is committed.

    `repeated` tells that a batch of it is no new one.
    """

    group: Group
    doubt: Unavailable | None = None
    repeated: bool = False


class Queue:
    """Deliveries in the order in which they came; whoever shares one locks it."""

    def __init__(self, *, batches: int, octets: int) -> None:
        """Have room for so many batches and bytes, and always for one."""
        self._batches = batches
        self._octets = octets
        self._waiting: deque[Waiting] = deque()
        self._held = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, waiting: Waiting) -> bool:
        """Queue a delivery if there is room."""
        full = len(self._waiting) >= self._batches or self._held + waiting.delivery.nbytes > self._octets
        if self._waiting and full:
            return False
        self._waiting.append(waiting)
        self._held += waiting.delivery.nbytes
        return True

    def take(self, *, batches: int, octets: int) -> list[Waiting]:
        """Take the next group, without those that nobody waits for any longer."""
        group: list[Waiting] = []
        size = 0
        while self._waiting and len(group) < batches:
            size += self._waiting[0].delivery.nbytes
            if group and size > octets:
                break
            waiting = self._waiting.popleft()
            self._held -= waiting.delivery.nbytes
            if waiting.future.set_running_or_notify_cancel():
                group.append(waiting)
        return group


def fail(group: Group, error: Exception) -> None:
    """Tell those who wait for a group why it was not committed."""
    for waiting in group:
        waiting.future.set_exception(error)
