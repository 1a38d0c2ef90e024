"""A few rows, counted value by value, against the road of large batches."""

import json
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.drift.context import HOUR_US
from app.errors import Problem
from app.monitor import few
from app.monitor.instants import instant_text
from app.monitor.parcel import Parcel
from app.monitor.record import prepare
from app.storage.deltas import Marks, summed
from app.storage.ledger import Delivery
from app.storage.reservoirs import Part
from monitor.desk import MONDAY, Desk

SECONDS: Final = MONDAY // 1_000_000
NUMBERS: Final[st.SearchStrategy[Any]] = st.one_of(
    st.sampled_from(
        [None, 0, -0.0, 1, 2, 3, 1.5, -1, 2**53 + 1, 2**63, -(2**64), 1e308, 5e-324, True, "2", "x", [], {}]
    ),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(0.5, 3.5),
)
WORDS: Final = st.sampled_from([None, "red", "blue", "green", "", "rëd", 1, 1.5, True, ["red"]])
TIMES: Final = st.one_of(
    st.sampled_from(
        [
            None, SECONDS, SECONDS + 0.25, float(SECONDS), SECONDS * 1000 + 1, MONDAY + 7, MONDAY * 1000 + 999,
            SECONDS + 3600, SECONDS - 7200, SECONDS + 86_400, SECONDS - 86_400, SECONDS - 86_400.001, 0, -1, 10**30,
            str(SECONDS), "never", "", True, instant_text(MONDAY), f" {instant_text(MONDAY)} ", "2025-07-28",
            "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2025-02-29T00:00:00Z", "2025-07-28T24:00:00Z",
        ]
    ),
    st.integers(SECONDS - 90_000, SECONDS + 4000),
    st.floats(SECONDS - 90_000, SECONDS + 4000),
    st.builds(
        "{}-{:02}-{:02}{}{:02}:{:02}:{:02}{}{}".format,
        st.sampled_from([instant_text(MONDAY)[:4], "2024", "0000"]),
        st.integers(0, 13),
        st.integers(0, 32),
        st.sampled_from("Tt _"),
        st.integers(0, 24),
        st.integers(0, 60),
        st.integers(0, 61),
        st.sampled_from(["", ".5", ".123456", ".1234567", ".123456789", ".1234567890", "."]),
        st.sampled_from(["Z", "z", "", "+02:00", "-23:59", "+24:00", "+01:60", "+0100"]),
    ),
    st.integers(-3, 26).map(lambda hours: instant_text(MONDAY - hours * HOUR_US)),
)  # fmt: skip
OTHERS: Final = st.sampled_from([None, 1, "a", {"x": 2.0}, instant_text(MONDAY)])
ROWS: Final = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "x": NUMBERS, "colour": WORDS, "timestamp": TIMES, "arm": st.sampled_from([None, "a", "b", " b", 1, ""]),
            "odd": OTHERS, "features": OTHERS, "prediction": OTHERS, "date": OTHERS, "\0time": OTHERS,
        },
    ),
    max_size=9,
)  # fmt: skip
PLAIN: Final = st.lists(
    st.fixed_dictionaries(
        {"x": st.floats(0, 4), "colour": st.sampled_from(["red", "blue", None]), "timestamp": st.just(SECONDS)},
        optional={"odd": OTHERS},
    ),
    min_size=1,
    max_size=7,
)


@pytest.fixture
def desk_of_arms(desk: Desk) -> Desk:
    """A model with a version column, a feature called like a word that steers, and a baseline of three rows."""
    desk.configure(window="1h", version_column="arm")
    desk.reference(desk.write("x,colour,date\n1,red,5\n2,red,6\n3,blue,7\n"))
    return desk


def added(found: Delivery) -> dict[tuple[str, int], Any]:
    """What each window gets."""
    sums = {(one.version, one.window_start_us): summed([one]) for one in found.deltas}
    return {key: (one.rows, one.counts.tolist(), one.sums.tolist()) for key, one in sums.items()}


def both(desk: Desk, body: bytes, **said: Any) -> tuple[object, object, bool]:
    """What two roads make of a body, and whether the short one took it."""
    parcel = Parcel("b", body, **{"content_type": "application/json", **said})
    watched = desk.service.catalog.watched(desk.name)
    made: list[object] = []
    short = False
    for largest in (few.LARGEST, -1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(few, "LARGEST", largest)
            try:
                found = prepare(desk.service, watched, parcel)
            except Problem as problem:
                made.append((problem.code, problem.detail))
                continue
        short = short or any(isinstance(delta, Marks) for delta in found.deltas)
        made.append((replace(found, deltas=()), added(found)))
    return made[0], made[1], short


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=ROWS,
    form=st.sampled_from(["bare", "rows", "columns"]),
    version=st.sampled_from([None, "v2"]),
    backfill=st.booleans(),
)
def test_anything(
    desk_of_arms: Desk, *, rows: list[dict[str, Any]], form: str, version: str | None, backfill: bool
) -> None:
    """Both roads store the same and tell the sender the same, whatever is sent."""
    document: object = rows
    if form != "bare":
        document = {"rows": rows}
    if form == "columns":
        names = {name for row in rows for name in row}
        document = {"columns": {name: [row.get(name) for row in rows] for name in names}}
    one, other, _ = both(desk_of_arms, json.dumps(document).encode(), version=version, backfill=backfill)
    assert one == other


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PLAIN)
def test_plain(desk_of_arms: Desk, rows: list[dict[str, Any]]) -> None:
    """Plain rows go the short way, and their sums are the same to the last bit."""
    one, other, short = both(desk_of_arms, json.dumps(rows).encode())
    assert one == other
    assert short


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"rows":[{"x":1}]}', {"content_type": "application/x-ndjson"}),
        (b'[{"x":1}]', {"content_type": "application/x-ndjson"}),
        (b'\xef\xbb\xbf[{"x":1}]', {}),
        (b'[{"x":1}', {}),
        (b'[{"x":1},2]', {}),
        (b'[{"x":1},{"x":NaN}]', {}),
        (b'[{"x":1,"x":2}]', {}),
        (b'{"x":1}', {}),
        (b'{"x":1}\n{"x":2}', {}),
        (b'{"rows":[{"x":1}]}\n', {"content_type": "text/csv"}),
        (b'[{"x":1},{"x":2}]', {"row_count": 2}),
        (b'[{"x":1},{"x":2}]', {"row_count": 3}),
        (b'{"x":1}', {"shipped": True}),
        (b'[{"x":1}]', {"at_us": MONDAY + HOUR_US}),
    ],
)
def test_forms(desk_of_arms: Desk, body: bytes, said: dict[str, Any]) -> None:
    """Odd forms are read as ever."""
    one, other, _ = both(desk_of_arms, body, **said)
    assert one == other


def test_a_sampled_model(desk_of_arms: Desk) -> None:
    """Every row goes the long way until the sample is full, then only those with low hashes."""
    service = desk_of_arms.service
    sampled = replace(desk_of_arms.watched, sampled=True)
    parcels = [Parcel(f"b{n}", b'[{"x":1.5},{"x":2}]', "application/json") for n in range(200)]
    first = prepare(service, sampled, parcels[0])
    assert first.sampled
    assert not isinstance(first.deltas[0], Marks)
    lowest = np.arange(service.reservoirs.size, dtype="<u8")
    lowest[-1] = 2**61
    service.reservoirs.note(sampled.id, [Part("default", MONDAY, lowest.tobytes(), b"")])
    found = [prepare(service, sampled, parcel) for parcel in parcels]
    short = [isinstance(one.deltas[0], Marks) for one in found]
    assert [not one.sampled for one in found] == short
    assert 130 < sum(short) < 175
    assert {str(added(one)) for one in found} == {str(added(found[0]))}


def test_no_numpy_types_leave(desk_of_arms: Desk) -> None:
    """What is stored are plain numbers, as the driver takes them."""
    found = prepare(
        desk_of_arms.service, desk_of_arms.watched, Parcel("b", b'[{"x":1.5,"date":6}]', "application/json")
    )
    (mark,) = found.deltas
    assert isinstance(mark, Marks)
    assert not isinstance(mark.window_start_us, np.generic)
    assert (found.rows_accepted, mark.rows) == (1, 1)
    assert type(found.nbytes) is int
    assert found.nbytes == len(found.receipt) + 1024 + 3 * (4 + 8) + mark.bins // 2
