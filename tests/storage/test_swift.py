"""A group committed in one round trip, or not touched at all."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import DataError
from psycopg.adapt import PyFormat, Transformer
from sqlalchemy import text

from app import failpoints
from app.errors import Unavailable
from app.storage import accounts, ledger, models, reservoirs, statements
from app.storage.arrays import Parameter, bigints, blob, booleans, double, instants, integers, octets, texts
from app.storage.committer import GroupCommitter
from app.storage.database import Database
from app.storage.ledger import Delivery, Outcome, Result, commit_group
from app.storage.reservoirs import Part
from app.storage.swift import _form, commit_new
from app.storage.types import to_datetime
from storage.books import NOW_US, commit, delivery, delta, kill_backend, stocked

pytestmark = pytest.mark.postgres

POINT: Final = "ingest.commit_sent"
LETTERS: Final = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
INSTANTS: Final = st.integers(-(10**15), 10**16)


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    """No point stays armed after a test."""
    yield
    failpoints.arm("")


def swiftly(database: Database, *deliveries: Delivery, age_s: float | None = None) -> bool:
    """Try the short way in a transaction of its own."""
    with database.transaction() as conn:
        return commit_new(conn, deliveries, stale_after_s=age_s)


def rows(database: Database) -> tuple[int, int]:
    """How many rows the ledger and the journal hold."""
    with database.snapshot() as conn:
        balance = accounts.balance(conn)
    return balance.ledger_rows, balance.journal_rows


def test_the_same_is_stored(database: Database) -> None:
    """Ledger, journal and sample hold what the careful way puts there."""
    found = []
    for name, swift in (("a", True), ("b", False)):
        with database.transaction() as conn:
            model, info = stocked(conn, name)
        part = Part("v", NOW_US - NOW_US % 3_600_000_000, b"8 bytes.", b"rows")
        group = [
            replace(delivery(model, "ü\\\"{},'", delta(info), delta(info, seed=2)), rows_late=1, backfill=True),
            replace(
                delivery(model, "2", delta(info, version="v", seed=3)), receipt='{"ä":[1]}\n', sampled=(part, part)
            ),
            replace(delivery(model, "3"), rows_accepted=0, rows_future=2, rows_rejected=2**40),
        ]
        if swift:
            assert swiftly(database, *group)
        else:
            commit(database, *group)
        with database.snapshot() as conn:
            written = [ledger.lookup(conn, model.id, one.batch_id) for one in group]
            sample = reservoirs.read(conn, model.id, start_us=part.window_start_us, version="v").parts
            statement = text("""
                SELECT version, window_start, rows, payload, received_at, novelties FROM delta_journal
                WHERE model_id = :model ORDER BY id
            """)
            found.append((written, sample, conn.execute(statement, {"model": model.id}).all()))
    assert found[0] == found[1]
    assert len(found[0][1]) == 2


def test_what_is_known_is_left_to_the_careful_way(database: Database) -> None:
    """A repeated batch, an id that stands twice, a changed model or an old batch: nothing of the group is stored."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    known, new = delivery(model, "known", delta(info)), delivery(model, "new", delta(info))
    assert swiftly(database, known)
    assert not swiftly(database, new, known)
    assert not swiftly(database, new, replace(new, fingerprint=b"x" * 16))
    assert not swiftly(database, new, replace(delivery(model, "old", delta(info)), model_revision=model.revision - 1))
    assert not swiftly(database, new, replace(new, model_id=model.id + 1))
    assert not swiftly(database, new, age_s=60.0)
    assert rows(database) == (10, 10)
    assert swiftly(database, new)
    assert rows(database) == (20, 20)


def test_it_waits_for_nobody(database: Database) -> None:
    """A batch that is being committed elsewhere, or whose model is being changed, keeps the group from being stored."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    batch = delivery(model, "b", delta(info))
    with database.transaction() as other:
        commit_group(other, [batch])
        assert not swiftly(database, delivery(model, "c", delta(info)), batch)
        other.rollback()
    with database.transaction() as other:
        models.touch(other, model.id)
        assert not swiftly(database, batch)
        other.rollback()
    assert rows(database) == (0, 0)
    assert swiftly(database, batch)


def test_its_settings_are_those_of_ingest(database: Database) -> None:
    """The transaction waits for its WAL whatever the database's default is, and leaves the session as it was."""
    with database.transaction() as conn:
        model, info = stocked(conn)
        conn.execute(text("SET SESSION synchronous_commit = off"))
        conn.execute(text("CREATE TABLE seen (said text)"))
        conn.execute(
            text("""
            CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN new; END$$
        """)
        )
        conn.execute(text("CREATE TRIGGER see BEFORE INSERT ON batch_ledger FOR EACH ROW EXECUTE FUNCTION see()"))
    assert swiftly(database, delivery(model, "b", delta(info)))
    with database.transaction() as conn:
        assert conn.scalars(text("SELECT said FROM seen")).all() == ["on"]
        assert conn.scalar(text("SHOW synchronous_commit")) == "off"


@pytest.mark.parametrize("meddle", ["DEALLOCATE ALL", "PREPARE {name} AS SELECT 1"])
def test_what_was_prepared_may_be_gone(database: Database, meddle: str) -> None:
    """A connection whose prepared statements are not ours is left to the careful way, and then used without any."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    if meddle == "DEALLOCATE ALL":
        assert swiftly(database, delivery(model, "before", delta(info)))
    with database.transaction() as conn:
        conn.connection.driver_connection.execute(meddle.format(name=_form(statements.ENTER_ALL)[2].decode()))  # type: ignore[union-attr]
    assert not swiftly(database, delivery(model, "b", delta(info)))
    assert swiftly(database, delivery(model, "b", delta(info)))


def test_values_that_cannot_be_stored(database: Database) -> None:
    """They are told as such, and the connection serves on."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    good = delivery(model, "good", delta(info))
    for bad in (
        delivery(model, "nul\0", delta(info)),
        delivery(model, "negative", replace(delta(info), counts=delta(info).counts - 100)),
        replace(delivery(model, "half", delta(info)), receipt="\ud800"),
        replace(delivery(model, "large", delta(info)), rows_accepted=2**63),
    ):
        with pytest.raises(Exception) as refused:  # noqa: PT011 - of two kinds
            swiftly(database, good, bad)
        assert isinstance(refused.value, ValueError | DataError) or "check" in str(refused.value)
    assert rows(database) == (0, 0)
    assert swiftly(database, good)


def test_a_lost_answer_leaves_a_doubt(database: Database) -> None:
    """When a connection is cut while the answer is under way, the outcome is unknown until the ledger tells."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    batch = delivery(model, "b", delta(info))
    failpoints.arm(f"{POINT}=error")
    with pytest.raises(Unavailable) as lost:
        swiftly(database, batch)
    assert (lost.value.code, lost.value.stored) == ("outcome-unknown", "unknown")
    failpoints.arm("")
    assert database.reachable()
    while not (outcome := commit(database, batch)[0]).receipt:
        assert outcome.result is Result.IN_PROGRESS
    assert rows(database) == (10, 10)


def test_a_lost_answer_is_settled(database: Database) -> None:
    """The committer tries once more and tells the sender that the batch is stored, once."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    group = GroupCommitter(database)
    batch = delivery(model, "b", delta(info))
    failpoints.arm(f"{POINT}=error:0.5")
    group.start()
    asked = [replace(batch, batch_id=f"b{n}", receipt=f"{n}") for n in range(20)]
    told: list[object] = []
    for one in asked:
        try:
            told.append(group.submit(one).result(30))
        except Unavailable:
            told.append(None)
    failpoints.arm("")
    group.close()
    stored = [one for one, outcome in zip(asked, told, strict=True) if outcome is not None]
    assert [one for one in told if one is not None] == [Outcome(Result.STORED, one.receipt) for one in stored]
    with database.snapshot() as conn:
        assert all(ledger.receipt(conn, model.id, one.batch_id) == one.receipt for one in stored)
        assert accounts.balance(conn).imbalance == 0


def test_a_server_that_goes_away(database: Database) -> None:
    """Nobody knows what a backend did that was ended meanwhile; its connection is not used again."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    end = text("""
        SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    """)
    lost: list[str] = []

    def try_it() -> None:
        try:
            swiftly(database, delivery(model, "b", delta(info)))
        except Unavailable as problem:
            lost.append(problem.code)

    with database.transaction() as conn:
        conn.execute(text("LOCK TABLE delta_journal IN EXCLUSIVE MODE"))
        thread = threading.Thread(target=try_it)
        thread.start()
        ended = False
        while not ended:
            with database.transaction() as other:
                ended = bool(other.execute(end).all())
        thread.join(30)
    assert lost == ["outcome-unknown"]
    assert swiftly(database, delivery(model, "b", delta(info)))


def test_a_server_that_went_away_before(database: Database) -> None:
    """A connection that was closed while nobody used it leaves no doubt: nothing was sent."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    batch = delivery(model, "b", delta(info))

    def lose() -> None:
        with database.transaction() as conn:
            kill_backend(database, conn)
            commit_new(conn, [batch], stale_after_s=None)

    with pytest.raises(Unavailable) as caught:
        lose()
    assert (caught.value.code, caught.value.stored) == ("storage-unavailable", "none")
    assert swiftly(database, batch)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(-(2**31), 2**31 - 1)),
    st.lists(st.integers(-(2**63), 2**63 - 1)),
    st.lists(st.booleans()),
    st.lists(INSTANTS),
    st.lists(st.text(LETTERS)),
    st.lists(st.none() | st.binary()),
    st.none() | st.floats(allow_nan=False),
)
def test_arrays(
    database: Database,
    small: list[int],
    large: list[int],
    flags: list[bool],
    moments: list[int],
    words: list[str],
    blobs: list[bytes | None],
    number: float | None,
) -> None:
    """Postgres reads every array as the driver's own text form says it."""
    pairs: list[tuple[Parameter, str, object]] = [
        (integers(small), "integer[]", small),
        (bigints(large), "bigint[]", large),
        (booleans(flags), "boolean[]", flags),
        (instants(moments), "timestamptz[]", [to_datetime(us) for us in moments]),
        (texts(words), "text[]", words),
        (octets(blobs), "bytea[]", blobs),
        (blob(b"".join(one or b"" for one in blobs)), "bytea", b"".join(one or b"" for one in blobs)),
        (double(number), "double precision", number),
    ]
    with database.transaction() as conn:
        driver = conn.connection.driver_connection
        assert driver is not None
        for parameter, kind, value in pairs:
            driver.execute("SELECT 1")
            result = driver.pgconn.exec_params(
                f"SELECT $1 IS NOT DISTINCT FROM $2::{kind}".encode(),  # noqa: S608 - of constants
                [parameter.data, literal(driver, value)],
                [parameter.oid, 0],
                [1, 0],
            )
            assert result.get_value(0, 0) == b"t", (kind, value, result.error_message)


def literal(driver: object, value: object) -> bytes | None:
    """How the driver writes a value as text."""
    (written,) = Transformer(driver).dump_sequence([value], [PyFormat.TEXT])  # type: ignore[arg-type]
    return None if written is None else bytes(written)
