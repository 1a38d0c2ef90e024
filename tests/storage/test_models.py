"""Models as they are stored."""

import threading

import pytest
from sqlalchemy import Connection

from app.drift.columns import Kind, Role
from app.errors import Conflict, PreconditionFailed
from app.storage import models
from app.storage.database import Database
from app.storage.models import ModelFeature
from storage.books import NOW_US

pytestmark = pytest.mark.postgres

FEATURES = (
    ModelFeature("z", Kind.NUMERIC, Role.FEATURE),
    ModelFeature("a", Kind.CATEGORICAL, Role.OUTCOME, declared=False, sensitive=True),
)


def test_what_goes_in_comes_out_equal(conn: Connection) -> None:
    """Names of any language, configuration and the order of features survive."""
    model = models.create(conn, "模型/ü", config={"window": "1h", "n": [1, None]}, features=FEATURES, now_us=NOW_US)
    assert models.find(conn, "模型/ü") == model
    assert models.get(conn, model.id) == model
    assert models.find(conn, "other") is None


def test_names_are_unique_while_they_live(conn: Connection) -> None:
    """A deleted name is free again, with another id."""
    first = models.create(conn, "m", config={}, features=(), now_us=NOW_US)
    with pytest.raises(Conflict):
        models.create(conn, "m", config={}, features=(), now_us=NOW_US)
    assert models.delete(conn, first.id, now_us=NOW_US + 1)
    assert not models.delete(conn, first.id, now_us=NOW_US + 2)
    second = models.create(conn, "m", config={}, features=(), now_us=NOW_US)
    assert second.id != first.id
    assert models.revisions(conn) == {second.id: 1}


def test_a_change_raises_the_revision_and_wants_the_last(conn: Connection) -> None:
    """Two changes made from one reading do not both win."""
    model = models.create(conn, "m", config={}, features=FEATURES, now_us=NOW_US)
    changed = models.change(conn, model, config={"a": 1}, features=FEATURES[:1])
    assert changed.revision == 2
    assert models.listed(conn) == [changed]
    with pytest.raises(PreconditionFailed):
        models.change(conn, model, config={}, features=())


def test_a_name_taken_meanwhile_is_a_conflict(database: Database) -> None:
    """Of two replicas that create one model, one is told."""
    results: list[str] = []

    def create() -> None:
        try:
            with database.transaction() as conn:
                models.create(conn, "m", config={}, features=(), now_us=NOW_US)
            results.append("made")
        except Conflict:
            results.append("conflict")

    threads = [threading.Thread(target=create) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["conflict", "conflict", "made"]
