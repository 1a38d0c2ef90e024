"""Which model a foreign sender means."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from app.monitor.keyring import ANYBODY
from app.monitor.senders import Finder
from app.storage import models
from monitor.desk import MONDAY, Desk


@contextmanager
def statements(desk: Desk) -> Iterator[list[str]]:
    """Collect what the database is asked."""
    asked: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(desk.service.database.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(desk.service.database.engine, "before_cursor_execute", note)


def found(finder: Finder, *candidates: str | None) -> str | None:
    """Give the name of the model that is meant."""
    watched = finder.find(candidates)
    return None if watched is None else watched.model.name


def test_the_first_that_is_known(small: Desk) -> None:
    """Empty, unlawful and unknown names are passed over, and so is what a key may not see."""
    for candidates in (("m",), (None, "", "a\0b", "ml/m", "m"), ("m", "n")):
        assert found(Finder(small.service), *candidates) == "m"
    assert found(Finder(small.service), "n", None) is None
    assert found(Finder(small.service)) is None


def test_a_model_made_a_moment_ago(desk: Desk) -> None:
    """What was no model yet is looked for again by the next delivery."""
    assert found(Finder(desk.service), "ml/m", "m") is None
    desk.configure(window="1h")
    assert found(Finder(desk.service, ANYBODY), "ml/m", "m") == "m"


def test_a_model_that_goes_meanwhile(small: Desk) -> None:
    """A name that was listed and is gone when it is read is no model."""
    finder = Finder(small.service)
    assert found(finder, "stranger") is None
    with small.service.database.transaction() as conn:
        models.delete(conn, small.watched.id, now_us=MONDAY)
    small.service.catalog.forget("m")
    assert found(finder, "m") is None


@pytest.mark.parametrize("count", [100, 1000])
def test_many_strangers_cost_no_more_than_one(small: Desk, count: int) -> None:
    """However many unknown models a delivery names, the database is asked as often as for one of them."""
    finder = Finder(small.service)
    with statements(small) as asked:
        assert [found(finder, f"ml/s{n}", f"s{n}") for n in range(count)] == [None] * count
        assert found(finder, "s1", "m") == "m"
    assert len(asked) < 20
