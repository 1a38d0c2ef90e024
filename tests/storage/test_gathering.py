"""Halves of many threads in few transactions."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from app.errors import Unavailable
from app.storage import pairing
from app.storage.database import Database
from app.storage.gathering import Gatherer
from app.storage.pairing import Stored

pytestmark = pytest.mark.postgres


def half(number: int, name: str = "request") -> Stored:
    """One half of a numbered pair."""
    return Stored(number.to_bytes(32, "big"), name, 1, "kserve", "", "", None, b"body", number, 10 * number)


def test_everybody_hears_of_their_own(database: Database) -> None:
    """Each thread is told of its halves, whatever group they were in, and who comes second sees both."""
    gatherer = Gatherer(database)
    with ThreadPoolExecutor(16) as pool:
        first = list(pool.map(lambda n: gatherer.arrive([half(n)]), range(100)))
        second = list(pool.map(lambda n: gatherer.arrive([half(n, "response"), half(n)]), range(100)))
    assert [[part.pair for part in one[0].parts] for one in first] == [[half(n).pair] for n in range(100)]
    assert {(len(one), len(one[0].parts), one[0].known, one[1].known) for one in second} == {(2, 2, False, True)}
    with database.snapshot() as conn:
        assert pairing.held(conn) == 800
        assert [len(parts) for parts in pairing.due(conn, received_before_us=30, now_us=30)] == [2, 2, 2]


def test_what_is_finished_goes(database: Database) -> None:
    """Counted halves leave with the next group, or with a flush."""
    gatherer = Gatherer(database)
    gatherer.arrive([half(1), half(2)])
    gatherer.forget([half(1)])
    gatherer.flush()
    with database.snapshot() as conn:
        assert pairing.held(conn) == 4
    gatherer.forget([half(2)])
    gatherer.arrive([half(3)])
    with database.snapshot() as conn:
        assert [part.pair for parts in pairing.due(conn, received_before_us=10**6, now_us=10**6) for part in parts] == [
            half(3).pair
        ]


def test_a_failure_is_everybodys(database: Database) -> None:
    """When the database cannot commit, every thread of the group is told, and the next group is tried anew."""
    gatherer = Gatherer(database)
    with database.transaction() as conn:
        conn.execute(text("LOCK TABLE pairing IN ACCESS EXCLUSIVE MODE"))
        with ThreadPoolExecutor(4) as pool:
            told = [pool.submit(gatherer.arrive, [half(n)]) for n in range(4)]
            problems = [one.exception(60) for one in told]
    assert all(isinstance(problem, Unavailable) for problem in problems)
    assert not gatherer.arrive([half(0)])[0].known
