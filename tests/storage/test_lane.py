"""Groups committed by an event loop, and what is left to the thread."""

import asyncio
import os
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from typing import Final
from unittest.mock import Mock

import numpy as np
import pytest
import uvloop
from sqlalchemy import text

from app import failpoints
from app.errors import Refused, Unavailable
from app.storage import accounts, lane, looped
from app.storage.baselines import BaselineInfo
from app.storage.committer import GroupCommitter
from app.storage.database import Database
from app.storage.ledger import Delivery, Outcome, Result
from app.storage.models import Model
from app.storage.pipeline import Exchange
from app.storage.waiting import Handed, Waiting
from storage.books import baseline, delivery, delta, stocked

pytestmark = pytest.mark.postgres

PATIENCE_S: Final = 30.0


class Both(GroupCommitter):
    """A group committer that counts the groups of its thread."""

    of_thread = 0

    def _once(self, deliveries: list[Delivery]) -> list[Outcome]:  # type: ignore[override]
        self.of_thread += 1
        return super()._once(deliveries)


RUN: Callable[[Coroutine[None, None, None]], None] = asyncio.run


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"], autouse=True)
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs on both event loops, which tell differently of what happens to a connection."""
    monkeypatch.setattr(sys.modules[__name__], "RUN", request.param)


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    """No point stays armed after a test."""
    yield
    failpoints.arm("")


@pytest.fixture
def model(database: Database) -> tuple[Model, BaselineInfo]:
    """A model with a baseline."""
    with database.transaction() as conn:
        return stocked(conn)


def on_loop(database: Database, work: Callable[[Both], Awaitable[None]], *, deadline_s: float = 8.0) -> Both:
    """Do some work on an event loop whose lane is open; gives the committer."""
    group = Both(database, deadline_s=deadline_s)
    group.start()

    async def attached() -> None:
        group.attach(asyncio.get_running_loop())
        await opened(group)
        await work(group)
        await group.detach()

    try:
        RUN(asyncio.wait_for(attached(), 2 * PATIENCE_S))
    finally:
        group.close()
    return group


async def opened(group: GroupCommitter) -> None:
    """Wait until the lane can be used."""
    assert group._lane is not None
    while group._goes_on or not group._lane._connection.ready():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)


async def told(group: GroupCommitter, *batches: Delivery) -> list[object]:
    """Submit batches together; gives what became of each."""
    futures = [asyncio.wrap_future(group.submit(batch)) for batch in batches]
    return list(await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), PATIENCE_S))


def stored(*batches: Delivery) -> list[Outcome]:
    """What the senders of new batches hear."""
    return [Outcome(Result.STORED, batch.receipt) for batch in batches]


def ledger_rows(database: Database) -> int:
    """How many rows were counted; journal and ledger agree."""
    with database.snapshot() as conn:
        balance = accounts.balance(conn)
    assert balance.imbalance == 0
    return balance.ledger_rows


def pid_of(group: GroupCommitter) -> int:
    """The backend of the lane."""
    assert group._lane is not None
    driver = group._lane._connection._driver
    assert driver is not None
    return driver.info.backend_pid


def end(database: Database, pid: int) -> None:
    """End a backend."""
    with database.transaction() as conn:
        conn.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})


def test_new_batches_need_no_thread(database: Database, model: tuple[Model, BaselineInfo]) -> None:
    """Batches that come while a group is committed are the next group, and all are answered on the event loop."""
    batches = [delivery(model[0], f"b{n}", delta(model[1], seed=n)) for n in range(600)]
    groups: list[int] = []

    async def work(group: Both) -> None:
        group._lane._observe = lambda _, size: groups.append(size)  # type: ignore[union-attr]
        assert await told(group, *batches[:500]) == stored(*batches[:500])  # what finds no room is left to the thread
        for batch in batches[500:]:
            assert await told(group, batch) == stored(batch)

    group = on_loop(database, work)
    assert groups[:2] == [1, 256]
    assert groups[2:] == [1] * 100
    assert group.of_thread >= 1
    assert ledger_rows(database) == 6000


def test_what_is_not_new_is_handed_over(database: Database, model: tuple[Model, BaselineInfo]) -> None:
    """A repeated batch is told as such, those beside it are stored, and after some careful groups the lane is used."""
    first, other = delivery(model[0], "a", delta(model[1])), delivery(model[0], "b", delta(model[1]))

    async def work(group: Both) -> None:
        assert await told(group, first) == stored(first)
        assert group.of_thread == 0
        repeated = replace(first, receipt="another")
        assert await told(group, repeated, other) == [Outcome(Result.DUPLICATE, first.receipt), *stored(other)]
        assert await told(group, replace(first, fingerprint=b"x" * 16)) == [Outcome(Result.REUSED)]
        while group._repeated:
            batch = delivery(model[0], f"c{group.of_thread}", delta(model[1]))
            assert await told(group, batch) == stored(batch)
        await opened(group)
        before = group.of_thread
        last = delivery(model[0], "last", delta(model[1]))
        assert await told(group, last) == stored(last)
        assert group.of_thread == before

    on_loop(database, work)
    with database.snapshot() as conn:
        assert accounts.balance(conn).imbalance == 0


def test_a_value_that_cannot_be_stored(database: Database, model: tuple[Model, BaselineInfo]) -> None:
    """It costs its own batch alone, whether Postgres finds it or nobody can write it down."""
    part = delta(model[1])
    good = [delivery(model[0], f"good{n}", part) for n in range(3)]
    negative = delivery(model[0], "negative", replace(part, counts=part.counts - 100))

    async def work(group: Both) -> None:
        found = await told(group, good[0], delivery(model[0], "nul\0", part), good[1], negative, good[2])
        assert [found[0], found[2], found[4]] == stored(*good)
        assert isinstance(found[1], Refused)
        assert isinstance(found[3], Refused)

    on_loop(database, work)
    assert ledger_rows(database) == 30


def test_a_backend_that_is_gone(database: Database, model: tuple[Model, BaselineInfo]) -> None:
    """Batches go to the thread until there is a new connection."""

    async def work(group: Both) -> None:
        end(database, pid_of(group))
        batch = delivery(model[0], "meanwhile", delta(model[1]))
        assert await told(group, batch) == stored(batch)
        assert group.of_thread == 1
        await opened(group)
        batch = delivery(model[0], "afterwards", delta(model[1]))
        assert await told(group, batch) == stored(batch)
        assert group.of_thread == 1

    on_loop(database, work)
    assert ledger_rows(database) == 20


def test_a_backend_that_goes_meanwhile(database: Database, model: tuple[Model, BaselineInfo]) -> None:
    """What an ended backend did is found out by the thread: nothing, so the batch is stored once."""
    batch = delivery(model[0], "b", delta(model[1]))

    async def work(group: Both) -> None:
        with database.transaction() as conn:
            conn.execute(text("LOCK TABLE delta_journal IN EXCLUSIVE MODE"))
            future = asyncio.wrap_future(group.submit(batch))
            await asyncio.sleep(0.1)
            end(database, pid_of(group))
            await asyncio.sleep(0.1)
        assert await asyncio.wait_for(future, PATIENCE_S) == stored(batch)[0]

    assert on_loop(database, work).of_thread == 1
    assert ledger_rows(database) == 10


def test_a_backend_that_goes_with_much_unread(database: Database) -> None:
    """Its last words and the reset of its connection come at once, to a loop that was busy: all is settled soon."""
    with database.transaction() as conn:
        wide, info = stocked(conn, "wide", reference=baseline(numeric=100, edges=40))
    counts = np.random.default_rng(1).integers(0, 2**40, info.bins)
    batches = [delivery(wide, f"b{n}", replace(delta(info), counts=counts)) for n in range(5)]

    async def work(group: Both) -> None:
        with database.transaction() as conn:
            conn.execute(text("LOCK TABLE batch_ledger IN EXCLUSIVE MODE"))
            futures = [asyncio.wrap_future(group.submit(batch)) for batch in batches]
            await asyncio.sleep(0.3)
            end(database, pid_of(group))  # the loop hears nothing meanwhile
        assert await asyncio.wait_for(asyncio.gather(*futures), 1.0) == stored(*batches)

    on_loop(database, work)
    assert ledger_rows(database) == 50


def test_nothing_is_heard_of_a_group(
    database: Database, model: tuple[Model, BaselineInfo], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop that tells of nothing costs no more than the deadline."""
    batch = delivery(model[0], "b", delta(model[1]))
    monkeypatch.setattr(looped, "_GRACE_S", 0.0)

    async def work(group: Both) -> None:
        connection = group._lane._connection  # type: ignore[union-attr]
        asyncio.get_running_loop().remove_reader(connection._file)
        assert await told(group, batch) == stored(batch)
        await opened(group)
        group._repeated = 0
        assert await told(group, replace(batch, batch_id="c")) == stored(batch)

    assert on_loop(database, work, deadline_s=1.0).of_thread == 1
    assert ledger_rows(database) == 20


@pytest.mark.parametrize("place", ["__init__", "go_on", "end"])
def test_the_unforeseen_is_a_lost_connection(
    database: Database, model: tuple[Model, BaselineInfo], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake of ours in the midst of an exchange costs nobody the answer, and the lane goes on."""
    batches = [delivery(model[0], f"b{n}", delta(model[1])) for n in range(2)]
    monkeypatch.setattr(looped, "_RETRY_S", 0.0)

    async def work(group: Both) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(
                looped, "Exchange", type("Broken", (Exchange,), {place: Mock(side_effect=KeyError("what"))})
            )
            (heard,) = await told(group, batches[0])
        assert isinstance(heard, Unavailable) or [heard] == stored(batches[0])
        await opened(group)
        group._repeated = 0
        assert await told(group, batches[1]) == stored(batches[1])

    assert on_loop(database, work).of_thread == 1


def test_the_thread_is_not_overrun(database: Database, model: tuple[Model, BaselineInfo]) -> None:
    """As long as the thread is busy with what the lane handed over, batches wait in its queue, which is bounded."""

    async def work(group: Both) -> None:
        group._queue._batches = 10
        taken = []
        with database.transaction() as conn:
            conn.execute(text("LOCK TABLE batch_ledger IN EXCLUSIVE MODE"))
            taken.append(group.submit(delivery(model[0], "first", delta(model[1]))))
            while not group.of_thread:  # noqa: ASYNC110 - until the lane has given up at the lock
                await asyncio.sleep(0.1)
            for n in range(50):
                with suppress(Unavailable):
                    taken.append(group.submit(delivery(model[0], f"b{n}", delta(model[1]))))
        for future in taken:
            await asyncio.wait([asyncio.wrap_future(future)])
        assert len(taken) == 11

    on_loop(database, work)


def test_who_is_turned_away_stays_so(database: Database, model: tuple[Model, BaselineInfo]) -> None:
    """What a closing committer handed back is not gone on with by its thread, should that still work."""
    group = GroupCommitter(database)
    waiting = Waiting(delivery(model[0], "b", delta(model[1])))
    assert waiting.future.set_running_or_notify_cancel()
    group._go_on_with(Handed([waiting]))
    group.close()
    assert isinstance(waiting.future.exception(), Unavailable)
    group.start()
    group._thread.join(PATIENCE_S)
    assert ledger_rows(database) == 0


@pytest.mark.parametrize("point", ["ingest.commit_sent", "ingest.commit_answered"])
def test_a_lost_answer_is_settled(
    database: Database, model: tuple[Model, BaselineInfo], point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When nobody heard of a COMMIT that took place, the thread tells that the batch is stored, once."""
    batches = [delivery(model[0], f"b{n}", delta(model[1])) for n in range(10)]
    monkeypatch.setattr(looped, "_RETRY_S", 0.0)
    sure = 0

    def once(self: Both, handed: Handed) -> None:
        failpoints.arm("")
        GroupCommitter._go_on_with(self, handed)

    async def work(group: Both) -> None:
        nonlocal sure
        for n, batch in enumerate(batches, start=1):
            await opened(group)
            failpoints.arm(f"{point}=error")
            (heard,) = await told(group, batch)
            assert group.of_thread == n
            if isinstance(heard, Unavailable):
                assert (heard.code, point) == ("outcome-unknown", "ingest.commit_sent")
            else:
                assert [heard] == stored(batch)
                sure += 1
            group._repeated = 0

    monkeypatch.setattr(Both, "_go_on_with", once)
    on_loop(database, work)
    assert ledger_rows(database) >= 10 * sure > 0


def test_a_server_that_stands_still(database: Database, model: tuple[Model, BaselineInfo]) -> None:
    """A group is given up at its deadline; the event loop goes on meanwhile, and nobody claims to know."""
    ticks = 0

    async def work(group: Both) -> None:
        nonlocal ticks
        with database.transaction() as conn:
            conn.execute(text("LOCK TABLE delta_journal IN EXCLUSIVE MODE"))
            future = asyncio.wrap_future(group.submit(delivery(model[0], "b", delta(model[1]))))
            while not future.done():
                await asyncio.sleep(0.05)
                ticks += 1
        assert isinstance(future.exception(), Unavailable)
        assert future.exception().stored == "unknown"  # type: ignore[union-attr]

    on_loop(database, work, deadline_s=2.0)
    assert ticks > 10
    assert ledger_rows(database) in {0, 10}  # the server may still do what it was sent


def test_a_large_group_goes_out_bit_by_bit(database: Database) -> None:
    """A connection that takes no more for now is written to again when it does."""
    with database.transaction() as conn:
        wide, info = stocked(conn, "wide", reference=baseline(numeric=400, edges=40))
    counts = np.random.default_rng(1).integers(0, 2**40, info.bins)
    batch = delivery(wide, "b", replace(delta(info), counts=counts))

    async def work(group: Both) -> None:
        driver = group._lane._connection._driver  # type: ignore[union-attr]
        assert driver is not None
        with closing(socket.socket(fileno=os.dup(driver.fileno()))) as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        assert await told(group, batch) == stored(batch)

    assert on_loop(database, work).of_thread == 0


def test_what_the_lane_leaves_to_the_thread(
    database: Database, model: tuple[Model, BaselineInfo], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large batches, batches of other threads or of many windows, and those that come behind its end."""
    batches = [delivery(model[0], f"b{n}", delta(model[1])) for n in range(3)]
    many = delivery(model[0], "many", *(delta(model[1], rows=1, hour=hour) for hour in range(1000)))

    async def work(group: Both) -> None:
        assert await asyncio.to_thread(lambda: group.submit(batches[0]).result(PATIENCE_S)) == stored(batches[0])[0]
        assert group.of_thread == 1
        with monkeypatch.context() as patched:
            patched.setattr(lane, "_GROUP_BYTES", 100)
            assert await told(group, batches[1]) == stored(batches[1])
        assert group.of_thread == 2
        assert await told(group, many) == stored(many)
        assert group.of_thread == 3
        await group.detach()
        assert await told(group, batches[2]) == stored(batches[2])
        assert group.of_thread == 4

    on_loop(database, work)
    assert ledger_rows(database) == 30 + many.rows_accepted


def test_the_end_of_the_loop_hands_over(database: Database, model: tuple[Model, BaselineInfo]) -> None:
    """A group that is not committed by then, and those behind it, are settled by the thread."""
    batches = [delivery(model[0], f"b{n}", delta(model[1])) for n in range(3)]
    release = threading.Event()

    def hold() -> None:
        with database.transaction() as conn:
            conn.execute(text("LOCK TABLE delta_journal IN EXCLUSIVE MODE"))
            release.wait(PATIENCE_S)

    async def work(group: Both) -> None:
        holder = threading.Thread(target=hold)
        holder.start()
        await asyncio.sleep(0.2)
        futures = [group.submit(batch) for batch in batches]
        await group.detach()
        release.set()
        holder.join()
        found = [await asyncio.wait_for(asyncio.wrap_future(future), PATIENCE_S) for future in futures[1:]]
        assert found == stored(*batches[1:])
        error = await asyncio.to_thread(futures[0].exception, PATIENCE_S)
        assert error is None or isinstance(error, Unavailable)

    on_loop(database, work)
    assert ledger_rows(database) >= 20
