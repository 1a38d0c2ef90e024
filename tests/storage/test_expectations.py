"""Samples, suites and results in Postgres."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, text

from app.storage import fold, reservoirs, results, statements, suites
from app.storage.database import Database
from app.storage.ledger import Result
from app.storage.models import Model
from app.storage.reservoirs import Part
from app.storage.results import StoredResult
from app.storage.suites import StoredSuite
from app.storage.turns import take_validation
from storage.books import HOUR_US, NOW_US, commit, delivery, delta, stocked

pytestmark = pytest.mark.postgres

START = NOW_US // HOUR_US * HOUR_US
DOCUMENT: dict[str, Any] = {"name": "own", "expectations": []}


def part(start_us: int = START, *, payload: bytes = b"rows") -> Part:
    """Two rows of a window's sample."""
    return Part("default", start_us, b"\0" * 16, payload)


def add(conn: Connection, model: Model, *parts: Part) -> None:
    """Store parts as the journal's statement does, beside no row of the journal."""
    empty: dict[str, Any] = {name: [] for name in statements.JOURNAL.compile().params}
    offers = [reservoirs.Offer(model.id, NOW_US, parts)]
    conn.execute(statements.JOURNAL_AND_SAMPLE, {**empty, **reservoirs.columns(offers)})


def posted(conn: Connection, model: Model, *, name: str = "own", active: bool = True) -> StoredSuite:
    """A suite of a model."""
    suite = suites.add(conn, model.id, name=name, source="posted", document=DOCUMENT, show_values=False, now_us=NOW_US)
    if active:
        suites.activate(conn, suite, now_us=NOW_US)
    return suite


def result(suite: StoredSuite, start_us: int, *, revision: int = 1) -> StoredResult:
    """A run of a suite."""
    return StoredResult(start_us, "default", suite.id, revision, 10, 2, [{"success": True}], NOW_US)


def test_a_repeated_delivery_is_sampled_once(database: Database) -> None:
    """The parts of a batch are stored with its ledger row or not at all."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    batch = replace(delivery(model, "b1", delta(info)), sampled=(part(),))
    assert [one.result for one in commit(database, batch, replace(batch))] == [Result.STORED, Result.DUPLICATE]
    assert [one.result for one in commit(database, batch)] == [Result.DUPLICATE]
    with database.snapshot() as conn:
        kept = reservoirs.read(conn, model.id, start_us=START, version="default")
    assert kept.parts == (part(),)
    assert len(kept.ids) == 1


def test_parts_are_joined_and_later_ones_stay(conn: Connection) -> None:
    """One joined sample stands for the parts it was made of; what comes afterwards is read beside it."""
    model, _ = stocked(conn)
    add(conn, model, part(), part(payload=b"more"))
    kept = reservoirs.read(conn, model.id, start_us=START, version="default")
    add(conn, model, part(payload=b"late"))
    for _ in range(2):
        reservoirs.join(conn, model.id, whole=part(payload=b"joined"), ids=kept.ids, now_us=NOW_US)
    after = reservoirs.read(conn, model.id, start_us=START, version="default")
    assert [one.payload for one in after.parts] == [b"joined", b"late"]
    assert reservoirs.kept(conn, model.id, start_before_us=START + 1, limit=5) == [(START, "default")]


def test_the_parts_of_a_group_are_kept_apart(database: Database) -> None:
    """Several batches of one commit, some with parts of several windows and some with none, keep their own octets."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    parts = [Part("default", START, bytes([n]) * 8 * n, b"payload %d" % n) for n in range(1, 5)]
    parts.append(Part("v2", START + HOUR_US, b"", b""))
    given = [parts[:1], [], parts[1:3], parts[3:]]
    batches = [replace(delivery(model, f"g{n}", delta(info)), sampled=tuple(own)) for n, own in enumerate(given)]
    assert {one.result for one in commit(database, *batches)} == {Result.STORED}
    with database.snapshot() as conn:
        assert reservoirs.read(conn, model.id, start_us=START, version="default").parts == tuple(parts[:4])
        assert reservoirs.read(conn, model.id, start_us=START + HOUR_US, version="v2").parts == tuple(parts[4:])


def test_of_each_name_one_version_holds(conn: Connection) -> None:
    """Versions count up by name; activating one retires the other; another name stays as it is."""
    model, _ = stocked(conn)
    first, other, second = posted(conn, model), posted(conn, model, name="other"), posted(conn, model)
    assert (first.number, other.number, second.number) == (1, 1, 2)
    held = [(one.name, one.number) for one in suites.listed(conn, model.id, active=True)]
    assert held == [("other", 1), ("own", 2)]
    suites.activate(conn, first, now_us=NOW_US)
    assert [one.number for one in suites.listed(conn, model.id, name="own", active=True)] == [1]
    assert suites.watched_models(conn) == [model.id]
    assert suites.retire(conn, model.id, "own")
    assert not suites.retire(conn, model.id, "own")
    assert suites.active_ids(conn, model.id) == (other.id,)


def test_what_is_due(database: Database) -> None:
    """A closed window with a sample is due until a run of its revision is stored, and again after late rows."""
    with database.transaction() as conn:
        model, info = stocked(conn)
        suite = posted(conn, model)
    window = delta(info)
    batch = delivery(model, "b1", window)
    commit(database, replace(batch, sampled=(part(window.window_start_us),)))
    with database.transaction() as conn:
        fold.fold_model(conn, model.id, now_us=NOW_US)
        before = window.window_start_us + 1
        assert reservoirs.due(conn, model.id, start_before_us=window.window_start_us, limit=9) == []
        (due,) = reservoirs.due(conn, model.id, start_before_us=before, limit=9)
        assert (due.window_start_us, due.version, due.rows) == (window.window_start_us, "default", window.rows)
        assert due.suite_ids == (suite.id,)
        results.save(conn, model.id, result(suite, window.window_start_us, revision=due.revision))
        assert reservoirs.due(conn, model.id, start_before_us=before, limit=9) == []
        (run,) = results.listed(conn, model.id, suite_ids=[suite.id])
        assert results.newest(conn, model.id, suite_ids=[suite.id]) == [run]
        assert results.listed(conn, model.id, suite_ids=[suite.id], from_us=before) == []
    commit(database, delivery(model, "b2", window))
    with database.transaction() as conn:
        fold.fold_model(conn, model.id, now_us=NOW_US)
        assert len(reservoirs.due(conn, model.id, start_before_us=before, limit=9)) == 1


def test_one_replica_validates_a_model(database: Database) -> None:
    """The turn is held until the end of the transaction; nobody waits for it."""
    with database.transaction() as mine, database.transaction() as other:
        assert take_validation(mine, 1)
        assert not take_validation(other, 1)
        assert take_validation(other, 2)
    with database.transaction() as conn:
        assert take_validation(conn, 1)


def test_raw_rows_are_kept_briefly(conn: Connection) -> None:
    """Samples go when they are old, or with the last active suite unless they are always wanted; results by age."""
    watched, _ = stocked(conn, "watched")
    plain, _ = stocked(conn, "plain")
    suite = posted(conn, watched)
    for model in (watched, plain):
        add(conn, model, part())
        reservoirs.join(conn, model.id, whole=part(), ids=[], now_us=NOW_US)
    assert reservoirs.prune(conn, received_before_us=NOW_US, without_suite=True) == 0
    assert reservoirs.prune(conn, received_before_us=NOW_US, without_suite=False) == 2
    assert reservoirs.prune(conn, received_before_us=NOW_US + 1, without_suite=False) == 2
    results.save(conn, watched.id, result(suite, START))
    assert results.prune(conn, computed_before_us=NOW_US) == 0
    assert results.prune(conn, computed_before_us=NOW_US + 1) == 1


def test_the_view_of_scores_is_there(conn: Connection) -> None:
    """People with SQL read scores by name."""
    columns = conn.execute(text("SELECT * FROM feature_score")).keys()
    assert list(columns) == [
        *("model", "version", "feature", "window_start", "statistic"),
        *("value", "p_value", "warning", "critical", "rows"),
    ]
