"""Group commit: one thread commits together whatever arrived while the last group was being committed."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Final

from app import failpoints
from app.errors import Refused, Unavailable
from app.storage import unanswered
from app.storage.database import Connection, Database
from app.storage.failures import is_data_error
from app.storage.lane import Lane, Observer
from app.storage.ledger import Delivery, Outcome, Result, commit_group
from app.storage.swift import commit_new
from app.storage.waiting import Group, Handed, Queue, Waiting, fail

_RETRY_AFTER_S: Final = 2
_CAREFUL_GROUPS: Final = 8
_STEPS: Final = frozenset({"ingest.after_begin", "ingest.after_claim", "ingest.after_ledger", "ingest.after_journal"})


class GroupCommitter:
    """Takes deliveries from any thread and answers each once it is committed."""

    def __init__(  # noqa: PLR0913 - limits
        self,
        database: Database,
        *,
        queue_batches: int = 2000,
        queue_bytes: int = 64 * 2**20,
        group_batches: int = 256,
        group_bytes: int = 8 * 2**20,
        deadline_s: float = 8.0,
        stale_after_s: float | None = None,
        observe: Observer | None = None,
    ) -> None:
        self._database = database
        self._group_batches = group_batches
        self._group_bytes = group_bytes
        self._deadline_s = deadline_s
        self._stale_after_s = stale_after_s
        self._observe = observe
        self._changed = threading.Condition()
        self._queue = Queue(batches=queue_batches, octets=queue_bytes)
        self._handed: deque[Handed] = deque()
        self._goes_on = False
        self._lane: Lane | None = None
        self._closing = False
        self._repeated = 0
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)

    def start(self) -> None:
        """Start the flusher."""
        self._thread.start()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Commit what the thread of a running event loop submits on that loop, where all is as usual."""
        self._lane = Lane(
            self._database,
            loop,
            hand_over=self._go_on_with,
            deadline_s=self._deadline_s / 2,
            stale_after_s=self._stale_after_s,
            observe=self._observe,
        )

    async def detach(self, *, timeout_s: float = 1.0) -> None:
        """Commit everything in the thread again, on the event loop; what takes longer is handed over to the thread."""
        lane, self._lane = self._lane, None
        if lane is not None:
            await lane.close(timeout_s=timeout_s)

    def submit(self, delivery: Delivery) -> Future[Outcome]:
        """Queue a delivery; its future ends when its group is committed."""
        waiting = Waiting(delivery)
        if not self._is_taken(waiting):
            with self._changed:
                if self._closing:
                    raise _draining()
                if not self._queue.put(waiting):
                    raise Unavailable(
                        "overloaded", "Too many batches wait to be committed.", retry_after=_RETRY_AFTER_S
                    )
                self._changed.notify()
        failpoints.hit("ingest.queued")
        return waiting.future

    def _is_taken(self, waiting: Waiting) -> bool:
        """Whether the lane takes a delivery; not while the thread is busy with what the lane handed over."""
        if self._lane is None or self._closing or self._repeated or self._handed or self._goes_on:
            return False
        return not failpoints.armed(_STEPS) and self._lane.take(waiting)

    def _go_on_with(self, handed: Handed) -> None:
        """Take a group that is begun from the lane."""
        if handed.repeated:
            self._repeated = _CAREFUL_GROUPS
        with self._changed:
            self._handed.append(handed)
            self._changed.notify()

    def close(self, *, timeout_s: float = 10.0) -> None:
        """Take no more, commit what waits, and turn away what is left after the timeout."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        with self._changed:
            while self._queue:
                fail(self._take(), _draining())
            while self._handed:
                handed = self._handed.popleft()
                fail(handed.group, handed.doubt or _draining())

    def _run(self) -> None:
        while True:
            self._goes_on = False
            with self._changed:
                while not (self._queue or self._handed or self._closing):
                    self._changed.wait()
                self._goes_on = bool(self._handed)
                handed = self._handed.popleft() if self._handed else Handed(self._take())
                if not handed.group:
                    if self._closing and not self._queue:
                        return
                    continue
            started = time.monotonic()
            self._commit(handed.group, handed.doubt)
            if self._observe is not None:
                self._observe(time.monotonic() - started, len(handed.group))

    def _take(self) -> list[Waiting]:
        return self._queue.take(batches=self._group_batches, octets=self._group_bytes)

    def _commit(self, group: Group, doubt: Unavailable | None) -> None:
        try:
            outcomes = self._attempt([waiting.delivery for waiting in group], doubt)
        except Exception as error:  # noqa: BLE001 - every waiting sender must be told
            if len(group) > 1 and is_data_error(error):
                for waiting in group:
                    self._commit([waiting], doubt)
                return
            fail(group, _problem(error))
        else:
            for waiting, outcome in zip(group, outcomes, strict=True):
                if isinstance(outcome, Outcome):
                    waiting.future.set_result(outcome)
                else:
                    waiting.future.set_exception(outcome)

    def _attempt(self, deliveries: Sequence[Delivery], doubt: Unavailable | None) -> Sequence[Outcome | Unavailable]:
        """Commit a group; after a lost connection once more, which settles what an unanswered COMMIT did."""
        first = doubt
        if first is None:
            try:
                return self._once(deliveries)
            except Unavailable as error:
                if error.code not in {"outcome-unknown", "storage-unavailable"}:
                    raise
                first = error
        try:
            outcomes = self._once(deliveries)
        except Unavailable as second:
            raise (first if first.stored == "unknown" else second) from second
        if first.stored != "unknown":
            return outcomes
        return [_settled(delivery, outcome, first) for delivery, outcome in zip(deliveries, outcomes, strict=True)]

    def _once(self, deliveries: Sequence[Delivery]) -> list[Outcome]:
        with self._database.transaction(deadline_s=self._deadline_s / 2) as conn:
            if self._may_be_new() and self._commit_new(conn, deliveries):
                return [Outcome(Result.STORED, delivery.receipt) for delivery in deliveries]
            failpoints.hit("ingest.after_begin")
            outcomes = commit_group(conn, deliveries, stale_after_s=self._stale_after_s)
            unanswered.hit("ingest.commit_sent", conn)
        failpoints.hit("ingest.commit_answered")
        return outcomes

    def _may_be_new(self) -> bool:
        """Whether to try the short way: not while others were found to repeat batches, nor with a point armed on it."""
        self._repeated = max(0, self._repeated - 1)
        return not self._repeated and not failpoints.armed(_STEPS)

    def _commit_new(self, conn: Connection, deliveries: Sequence[Delivery]) -> bool:
        done = commit_new(conn, deliveries, stale_after_s=self._stale_after_s)
        if done:
            failpoints.hit("ingest.commit_answered")
        else:
            self._repeated = _CAREFUL_GROUPS
        return done


def _draining() -> Unavailable:
    return Unavailable("draining", "The service is stopping.", retry_after=_RETRY_AFTER_S)


def _settled(delivery: Delivery, outcome: Outcome, unknown: Unavailable) -> Outcome | Unavailable:
    """What the retry says about the attempt before it, whose COMMIT was not answered."""
    if outcome.result is Result.DUPLICATE and outcome.receipt == delivery.receipt:
        return Outcome(Result.STORED, delivery.receipt)
    return unknown if outcome.result is Result.IN_PROGRESS else outcome


def _problem(error: Exception) -> Exception:
    if is_data_error(error):
        return Refused("unstorable", "The batch holds a value that cannot be stored.")
    return error
