"""Plain rows counted on the event loop, against the road of other batches."""

import json
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.drift.context import HOUR_US
from app.errors import Problem
from app.monitor import brisk
from app.monitor.parcel import Parcel
from app.monitor.record import prepare, road
from app.storage.ledger import Delivery
from app.storage.reservoirs import Part
from app.wire import jsoncolumns, shaped, structs
from app.wire.decode import known_format
from monitor.desk import MONDAY, Desk
from monitor.test_few import NUMBERS, TIMES, WORDS, added

ROWS: Final = st.lists(
    st.fixed_dictionaries(
        {"x": NUMBERS, "colour": WORDS, "timestamp": TIMES, "arm": st.sampled_from([None, "a", "b"])}
    ),
    max_size=9,
)
PLAIN: Final = st.lists(
    st.fixed_dictionaries({"x": st.floats(0, 4), "colour": st.sampled_from(["red", "blue", "green"])}),
    min_size=1,
    max_size=9,
)


@pytest.fixture(autouse=True)
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the quick readers take bodies of any size."""
    for module in (jsoncolumns, structs, shaped):
        monkeypatch.setattr(module, "SMALLEST", 0)


@pytest.fixture
def desk_of_arms(desk: Desk) -> Desk:
    """A model with a version column and a baseline of three rows."""
    desk.configure(window="1h", version_column="arm")
    desk.reference(desk.write("x,colour\n1,red\n2,red\n3,blue\n"))
    return desk


def parcel_of(body: bytes, **said: Any) -> Parcel:
    """A body whose format was found out, as at the door."""
    return Parcel("b", body, "application/json", kind=known_format(body, None), most=100_000, **said)


def begun(desk: Desk, parcel: Parcel, **changed: Any) -> tuple[int, Delivery | None]:
    """What becomes of a parcel on the event loop, and how often it yields."""
    steps = brisk.delivery(desk.service, replace(desk.watched, **changed), parcel)
    yielded = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return yielded, end.value
        yielded += 1


def told(work: Any) -> object:
    """What is stored, or the problem."""
    try:
        found = work()
    except Problem as problem:
        return problem.code, problem.detail
    return None if found is None else (replace(found, deltas=()), added(found))


def written(rows: list[dict[str, Any]], form: str) -> bytes:
    """Rows in one of the JSON forms."""
    if form == "lines":
        return b"\n".join(json.dumps(row).encode() for row in rows)
    names = {name for row in rows for name in row}
    columns = {"columns": {name: [row.get(name) for row in rows] for name in names}}
    return json.dumps({"bare": rows, "rows": {"rows": rows}, "columns": columns}[form]).encode()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, form=st.sampled_from(["bare", "rows", "columns", "lines"]), backfill=st.booleans())
def test_anything(desk_of_arms: Desk, *, rows: list[dict[str, Any]], form: str, backfill: bool) -> None:
    """Whatever is counted here, and whatever is refused, is what the other road makes of it."""
    body = written(rows, form)
    try:
        parcel = parcel_of(body, backfill=backfill)
    except Problem:
        return
    quick = told(lambda: begun(desk_of_arms, parcel)[1])
    if quick is not None:
        assert quick == told(lambda: prepare(desk_of_arms.service, desk_of_arms.watched, parcel))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PLAIN, st.sampled_from(["bare", "rows", "columns", "lines"]))
def test_plain_rows_are_counted_here(desk_of_arms: Desk, rows: list[dict[str, Any]], form: str) -> None:
    """They are counted without a yield."""
    if form == "lines" and len(rows) == 1:
        rows = rows * 2
    parcel = parcel_of(written(rows, form))
    yielded, found = begun(desk_of_arms, parcel)
    assert yielded == 0
    assert found is not None
    assert added(found) == added(prepare(desk_of_arms.service, desk_of_arms.watched, parcel))


@pytest.mark.parametrize(("hours", "yields"), [(3, 0), (6, 1)])
def test_rows_of_many_windows_are_counted_elsewhere(desk: Desk, hours: int, yields: int) -> None:
    """Each window has counts of its own, so that many take long."""
    desk.configure(window="1h")
    desk.reference(desk.write("x\n1\n2\n3\n"))
    times = [(MONDAY - hour * HOUR_US) / 1e6 for hour in range(hours)]
    parcel = parcel_of(json.dumps({"columns": {"x": [1.5] * hours, "timestamp": times}}).encode())
    yielded, found = begun(desk, parcel)
    assert yielded == yields
    assert found is not None
    assert len(found.deltas) == hours


def test_large_tables_are_counted_elsewhere(small: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read but would take long to count yields before that, and is not read twice."""
    monkeypatch.setattr(brisk, "is_large", lambda _: True)
    yielded, found = begun(small, parcel_of(written([{"x": 1.5}] * 3, "columns")))
    assert yielded == 1
    assert found is not None
    assert found.rows_accepted == 3


def test_samples_that_take_every_row_are_taken_elsewhere(small: Desk) -> None:
    """Picking thousands of rows takes long; once a window has enough, it takes few."""
    parcel = parcel_of(written([{"x": 1.5}] * 3, "columns"))
    assert begun(small, parcel, sampled=True)[0] == 1
    lowest = np.arange(small.service.reservoirs.size, dtype="<u8")
    small.service.reservoirs.note(small.watched.id, [Part("default", MONDAY, lowest.tobytes(), b"")])
    yielded, found = begun(small, parcel, sampled=True)
    assert yielded == 0
    assert found is not None
    assert not found.sampled


def test_envelopes_are_opened_elsewhere(desk: Desk) -> None:
    """Rows inside a key are none of the plain ones."""
    desk.configure(window="1h", envelope=["log"])
    desk.reference(desk.write("x\n1\n2\n3\n"))
    assert begun(desk, parcel_of(written([{"x": 1.5}] * 3, "bare"))) == (0, None)


def test_what_is_not_plain_goes_on_in_a_thread(small: Desk) -> None:
    """The road yields once before it reads such a body, and counts it after that."""
    way = road(small.service, small.name, parcel_of(b'[{"x":1.5},{"y":2}]'), hasty=True)
    assert next(way) is None
    commit = way.send(None)
    assert commit is not None
    with pytest.raises(StopIteration) as end:
        way.send(commit.result(60))
    assert end.value.value["rows"]["accepted"] == 2
