"""Halves that arrive at the same time are committed together: whoever has the turn takes all that wait."""

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Final

from app.storage import pairing
from app.storage.database import Database
from app.storage.pairing import Arrival, Stored

_HALVES: Final = 256

_Waiting = tuple[Sequence[Stored], "Future[list[Arrival]]"]


class Gatherer:
    """Takes halves from any thread and answers each once its group is committed."""

    def __init__(self, database: Database) -> None:
        """Have nothing waiting."""
        self._database = database
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._queue: deque[_Waiting] = deque()
        self._finished: list[Stored] = []

    def arrive(self, halves: Sequence[Stored]) -> list[Arrival]:
        """Commit halves, together with those of other threads."""
        mine: Future[list[Arrival]] = Future()
        with self._lock:
            self._queue.append((halves, mine))
        with self._turn:
            while not mine.done():
                self._commit(self._taken())
        return mine.result()

    def forget(self, parts: Sequence[Stored]) -> None:
        """Drop halves that were counted, with the next group or flush."""
        with self._lock:
            self._finished += parts

    def flush(self) -> None:
        """Drop what was counted now."""
        with self._turn:
            self._commit([])

    def _taken(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size = 0
        with self._lock:
            while self._queue and (not group or size + len(self._queue[0][0]) <= _HALVES):
                group.append(self._queue.popleft())
                size += len(group[-1][0])
        return group

    def _commit(self, group: Sequence[_Waiting]) -> None:
        try:
            arrivals = iter(self._transact([half for halves, _ in group for half in halves]))
        except BaseException as error:
            for _, future in group:
                future.set_exception(error)
            if not group:
                raise
            return
        for halves, future in group:
            future.set_result([next(arrivals) for _ in halves])

    def _transact(self, halves: Sequence[Stored]) -> list[Arrival]:
        with self._lock:
            finished, self._finished = self._finished, []
        if not halves and not finished:
            return []
        # What is not dropped after an error is found counted by the next round.
        with self._database.transaction() as conn:
            arrivals = pairing.arrive(conn, halves) if halves else []
            if finished:
                pairing.forget(conn, finished)
            return arrivals
