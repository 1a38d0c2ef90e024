"""A COMMIT whose answer is lost: it may have happened, and its connection is never used again."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from app import failpoints
from app.errors import Unavailable
from app.storage import unanswered
from app.storage.database import Database

POINT = "ingest.commit_sent"


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    """No point stays armed after a test."""
    yield
    failpoints.arm("")


def create(database: Database) -> None:
    """Create a table, with the failpoint before its COMMIT is answered."""
    with database.transaction() as conn:
        conn.execute(text("CREATE TABLE proof (n integer)"))
        unanswered.hit(POINT, conn)


def lose(database: Database) -> None:
    """Create a table in a transaction whose COMMIT is not answered."""
    failpoints.arm(f"{POINT}=error")
    with pytest.raises(Unavailable) as caught:
        create(database)
    assert caught.value.code == "outcome-unknown"
    assert caught.value.stored == "unknown"
    failpoints.arm("")


def test_a_commit_without_an_answer_is_in_doubt_and_done(database: Database) -> None:
    """The caller is told that nobody knows, and the server has committed."""
    lose(database)
    with database.transaction() as conn:
        assert conn.scalar(text("SELECT count(*) FROM pg_class WHERE relname = 'proof'")) == 1


def test_its_connection_never_serves_again(database: Database) -> None:
    """Whoever asks next gets a sound connection, not the one that waits for an answer."""
    lose(database)
    assert database.reachable()
    assert database.reachable()


def test_a_pause_before_the_answer_changes_nothing(database: Database) -> None:
    """The answer is read late, and the transaction ends as ever."""
    failpoints.arm(f"{POINT}=pause:0.1")
    create(database)
    with database.transaction() as conn:
        conn.execute(text("INSERT INTO proof VALUES (1)"))
