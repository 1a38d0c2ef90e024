"""Groups of new batches, committed by the event loop that took them: no thread is woken, none waits for Python's lock.

Whatever is not as usual is handed over to the thread that commits all other groups, which finds out what to do: a batch
that is no new one, a value that cannot be stored, an answer that was lost.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Final

import psycopg

from app import failpoints
from app.errors import Unavailable
from app.storage.database import Database
from app.storage.failures import is_lost, outcome_unknown
from app.storage.ledger import Outcome, Result
from app.storage.looped import LoopedConnection
from app.storage.pipeline import StepError
from app.storage.swift import SENT, is_known, steps_of
from app.storage.waiting import Group, Handed, Queue, Waiting

_GROUP_BATCHES: Final = 256
_GROUP_BYTES: Final = 1 << 20

Observer = Callable[[float, int], None]


class Lane:
    """Takes deliveries on the thread of one event loop, and answers each there once it is committed."""

    def __init__(  # noqa: PLR0913 - limits
        self,
        database: Database,
        loop: asyncio.AbstractEventLoop,
        *,
        hand_over: Callable[[Handed], None],
        deadline_s: float,
        stale_after_s: float | None,
        observe: Observer | None,
    ) -> None:
        """Have a connection of its own; made on the thread of the event loop."""
        self._connection = LoopedConnection(database, loop)
        self._thread = threading.get_ident()
        self._hand_over = hand_over
        self._deadline_s = deadline_s
        self._stale_after_s = stale_after_s
        self._observe = observe
        self._queue = Queue(batches=_GROUP_BATCHES, octets=_GROUP_BYTES)
        self._group: Group = ()
        self._began = 0.0
        self._closed = False
        self._drained: asyncio.Future[None] | None = None

    def take(self, waiting: Waiting) -> bool:
        """Take a delivery, unless it is large, comes from another thread, or the connection is not in order."""
        if threading.get_ident() != self._thread or self._closed or waiting.delivery.nbytes > _GROUP_BYTES:
            return False
        if not (self._group or self._connection.ready()) or not self._queue.put(waiting):
            return False
        if not self._group:
            self._begin()
        return True

    async def close(self, *, timeout_s: float) -> None:
        """Take no more, and hand over what is not committed after the timeout."""
        self._closed = True
        if not self._is_idle:
            self._drained = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._drained], timeout=timeout_s)
        await self._connection.close()

    @property
    def _is_idle(self) -> bool:
        return not self._group

    def _begin(self) -> None:
        """Send what waits, group by group."""
        while len(self._queue) and not self._group:
            group = self._queue.take(batches=_GROUP_BATCHES, octets=_GROUP_BYTES)
            if group:
                self._send(group)

    def _send(self, group: Group) -> None:
        try:
            steps = steps_of([waiting.delivery for waiting in group], stale_after_s=self._stale_after_s)
        except Exception:  # noqa: BLE001 - the thread finds out which batch it is
            steps = None
        if steps is None or not self._connection.ready():
            self._hand_over(Handed(group))
            return
        self._group, self._began = group, time.monotonic()
        self._connection.run(steps, seconds=self._deadline_s, point=SENT, ended=self._ended)

    def _ended(self, error: StepError | psycopg.Error | None) -> None:
        """Answer a group, or hand it over, and go on with the next."""
        group, self._group = self._group, ()
        if error is None:
            self._answer(group)
        elif isinstance(error, StepError) and not is_lost(error.cause):
            self._hand_over(Handed(group, repeated=is_known(error)))
        else:
            self._hand_over(Handed(group, doubt=outcome_unknown()))
        self._begin()
        if self._drained is not None and self._is_idle and not self._drained.done():
            self._drained.set_result(None)

    def _answer(self, group: Group) -> None:
        try:
            failpoints.hit("ingest.commit_answered")
        except Unavailable as doubt:
            self._hand_over(Handed(group, doubt=doubt))
            return
        if self._observe is not None:
            self._observe(time.monotonic() - self._began, len(group))
        for waiting in group:
            waiting.future.set_result(Outcome(Result.STORED, waiting.delivery.receipt))
