"""What a time column reads."""

import datetime as dt
import math
from decimal import Decimal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wire.table import RawColumn
from app.wire.times import MISSING, READ, UNREADABLE, Instants, instants

NEW_YORK = ZoneInfo("America/New_York")
RECEIPT = 1_800_000_000_000_000
MICROSECOND = dt.timedelta(microseconds=1)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def read(raw: RawColumn | None, *, naive: str = "utc", count: int | None = None) -> Instants:
    """Read a column with the settings of these tests."""
    size = len(raw or []) if count is None else count
    return instants(raw, size, receipt_us=RECEIPT, naive=naive, zone=NEW_YORK)


def us(text: str) -> int:
    """Microseconds of an ISO time, by the standard library."""
    return (dt.datetime.fromisoformat(text) - EPOCH) // MICROSECOND


READABLE = {
    "2026-03-01T12:00:00Z": us("2026-03-01T12:00:00+00:00"),
    "2026-03-01t12:00:00z": us("2026-03-01T12:00:00+00:00"),
    "2026-03-01 12:00:00+05:30": us("2026-03-01T06:30:00+00:00"),
    "2026-03-01T12:00:00-00:00": us("2026-03-01T12:00:00+00:00"),
    "2026-03-01T12:00:00.1Z": us("2026-03-01T12:00:00.100000+00:00"),
    "2026-03-01T12:00:00.123456Z": us("2026-03-01T12:00:00.123456+00:00"),
    "2026-03-01T12:00:00.999999999Z": us("2026-03-01T12:00:00.999999+00:00"),
    "2026-03-01T12:00:00": us("2026-03-01T12:00:00+00:00"),
    "2016-12-31T23:59:60Z": us("2017-01-01T00:00:00+00:00"),
    "2024-02-29T00:00:00Z": us("2024-02-29T00:00:00+00:00"),
    "0001-01-01T00:00:00Z": us("0001-01-01T00:00:00+00:00"),
    "9999-12-31T23:59:59.999999Z": us("9999-12-31T23:59:59.999999+00:00"),
    "1969-12-31T23:59:59.999999999Z": -1,
    "1772366400": us("2026-03-01T12:00:00+00:00"),
    "1772366400.1234569": us("2026-03-01T12:00:00.123456+00:00"),
    "1772366400123": us("2026-03-01T12:00:00.123000+00:00"),
    "1772366400123456": us("2026-03-01T12:00:00.123456+00:00"),
    "1772366400123456789": us("2026-03-01T12:00:00.123456+00:00"),
    "-1": -1_000_000,
    "+1e9": us("2001-09-09T01:46:40+00:00"),
    " 0 ": 0,
}
NOT_READABLE = [
    "",
    "2026-03-01",
    "2026-03-01T12:00Z",
    "2026-03-01T12Z",
    "20260301T120000Z",
    "2026-03-01T24:00:00Z",
    "2026-03-01T12:60:00Z",
    "2026-03-01T12:00:61Z",
    "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-10T00:00:00Z",
    "2026-03-00T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
    "2026-03-01T12:00:00.Z",
    "2026-03-01T12:00:00.1234567890Z",
    "2026-03-01T12:00:00,5Z",
    "2026-03-01T12:00:00+0530",
    "2026-03-01T12:00:00+24:00",
    "2026-03-01T12:00:00ZZ",
    "2026-03-01T12:00:00+05:30Z",
    "2026-03-01_12:00:00Z",
    "\uff12026-03-01T12:00:00Z",
    "now",
    "true",
    "NaN",
    "inf",
    "1e999999999",
    "1e-9999999999999999999",
    "0x10",
]


@pytest.mark.parametrize(("text", "instant"), READABLE.items())
def test_readable(text: str, instant: int) -> None:
    """Every lawful way to write a time is read to the microsecond."""
    times = read([text])
    assert (times.us.tolist(), times.state.tolist()) == ([instant], [READ])


@pytest.mark.parametrize("text", NOT_READABLE)
def test_unreadable(text: str) -> None:
    """Every near miss is unreadable."""
    assert read([text]).state.tolist() == [UNREADABLE]


def test_together() -> None:
    """One bad time costs its neighbours nothing, in a list, in an array and in a dictionary."""
    texts = [*READABLE, *NOT_READABLE, None]
    want = [*READABLE.values(), *([0] * len(NOT_READABLE)), RECEIPT]
    states = [READ] * len(READABLE) + [UNREADABLE] * len(NOT_READABLE) + [MISSING]
    for raw in (texts, pa.array(texts), pa.array(texts, pa.string_view()), pa.array(texts).dictionary_encode()):
        times = read(raw)
        assert (times.us.tolist(), times.state.tolist()) == (want, states)


def test_no_column() -> None:
    """Without a time column every row takes the receipt time."""
    times = read(None, count=2)
    assert (times.us.tolist(), times.state.tolist()) == ([RECEIPT] * 2, [MISSING] * 2)


def test_json_values() -> None:
    """Numbers are told apart by size; true, NaN and what holds other values are unreadable."""
    raw: list[object] = [
        1772366400,
        1772366400.5,
        True,
        None,
        math.nan,
        math.inf,
        [],
        {},
        10**19,
        10**30,
        "1",
        -(10**11),
    ]
    times = read(raw)
    want = [READ, READ, 2, 1, 2, 2, 2, 2, READ, UNREADABLE, READ, READ]
    assert times.state.tolist() == want
    assert times.us[[0, 1, 8, 10, 11]].tolist() == [1772366400000000, 1772366400500000, 10**16, 10**6, -(10**14)]


@pytest.mark.parametrize(
    ("number", "instant"),
    [
        (10**11 - 1, (10**11 - 1) * 10**6),
        (10**11, 10**14),
        (10**14 - 1, (10**14 - 1) * 1000),
        (10**14, 10**14),
        (10**17 - 1, 10**17 - 1),
        (10**17, 10**14),
        (1772366400123456789, 1772366400123456),
        (-1772366400123456789, -1772366400123457),
    ],
)
def test_sizes(number: int, instant: int) -> None:
    """The unit changes exactly at each power of ten, and integers beyond 2^53 stay exact."""
    known = -62135596800000000 <= instant < 253402300800000000
    for raw in ([number], [str(number)], pa.array([number]), [number, "x"]):
        times = read(raw)
        assert times.state[0] == (READ if known else UNREADABLE)
        assert times.us[0] == (instant if known else 0)


def test_local_times() -> None:
    """The repeated hour is its first occurrence and counted, the skipped hour moves forward."""
    raw = [
        "2024-11-03T01:30:00",
        "2024-11-03T02:30:00",
        "2024-03-10T02:30:00",
        "2024-07-01 12:00:00",
        "2024-07-01T12:00:00Z",
    ]
    times = read(raw, naive="local")
    want = [
        "2024-11-03T05:30:00",
        "2024-11-03T07:30:00",
        "2024-03-10T07:30:00",
        "2024-07-01T16:00:00",
        "2024-07-01T12:00:00",
    ]
    assert times.us.tolist() == [us(text + "+00:00") for text in want]
    assert times.ambiguous == 1


@pytest.mark.parametrize("text", ["9999-12-31T23:59:60", "9999-12-31T23:59:59", "0001-01-01T00:00:00"])
def test_local_ends_of_the_calendar(text: str) -> None:
    """A local time at either end of the calendar, or the leap second after it, has no effect on its neighbours."""
    times = read([text, "2024-07-01T12:00:00"], naive="local")
    assert times.us[1] == us("2024-07-01T16:00:00+00:00")
    assert times.state[1] == READ


def test_local_change_within_a_quarter() -> None:
    """A change of the clock at an odd second, as of 1883-11-18 12:03:58, is kept to the second."""
    texts = ["1883-11-18T12:00:00", "1883-11-18T12:03:57", "1883-11-18T12:03:58", "1883-11-18T12:10:00"]
    locals_ = [dt.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK) for text in texts]
    assert read(texts, naive="local").us.tolist() == [(local - EPOCH) // MICROSECOND for local in locals_]


@pytest.mark.parametrize(
    ("array", "want"),
    [
        (pa.array([1, None], pa.timestamp("s", "UTC")), [1_000_000, None]),
        (pa.array([1], pa.timestamp("ms", "Asia/Tokyo")), [1000]),
        (pa.array([-1], pa.timestamp("ns", "UTC")), [-1]),
        (pa.array([1772366400.25]), [1772366400250000]),
        (pa.array([1772366400], pa.uint32()), [1772366400000000]),
        (pa.array([Decimal("1.5")]), [1500000]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_arrow_times(array: pa.Array, want: list[int | None]) -> None:
    """Arrow timestamps of any unit and zone are instants, numbers are told apart by size."""
    times = read(array, naive="local")
    assert times.us.tolist() == [RECEIPT if one is None else one for one in want]


@pytest.mark.parametrize(
    "array",
    [
        pa.array([0], pa.date32()),
        pa.array([0], pa.date64()),
        pa.array([True]),
        pa.array([[1]]),
        pa.array([0], pa.time64("us")),
        pa.array([2**62], pa.timestamp("s", "UTC")),
    ],
    ids=lambda value: str(value.type),
)
def test_arrow_unreadable(array: pa.Array) -> None:
    """Dates alone and other types are unreadable, and so is a year beyond 9999."""
    assert read(array).state.tolist() == [UNREADABLE]


def test_naive_arrow() -> None:
    """A timestamp without a zone follows the setting."""
    noon = pa.array([dt.datetime(2024, 7, 1, 12)])  # noqa: DTZ001 - without a zone is the point
    assert read(noon).us[0] == us("2024-07-01T12:00:00+00:00")
    assert read(noon, naive="local").us[0] == us("2024-07-01T16:00:00+00:00")


@given(st.datetimes(min_value=dt.datetime(1, 1, 2), max_value=dt.datetime(9999, 12, 30)), st.integers(-1439, 1439))  # noqa: DTZ001
def test_against_the_standard_library(moment: dt.datetime, minutes: int) -> None:
    """Whatever the standard library writes with an offset is read back."""
    aware = moment.replace(tzinfo=dt.timezone(dt.timedelta(minutes=minutes)))
    assert read([aware.isoformat(), aware.isoformat(" ")]).us.tolist() == [(aware - EPOCH) // MICROSECOND] * 2


@given(st.lists(st.datetimes(min_value=dt.datetime(1850, 1, 1), max_value=dt.datetime(2200, 1, 1)), max_size=10))  # noqa: DTZ001
def test_local_against_the_standard_library(moments: list[dt.datetime]) -> None:
    """Local times are what zoneinfo makes of them at their first occurrence."""
    want = [(moment.replace(tzinfo=NEW_YORK, fold=0) - EPOCH) // MICROSECOND for moment in moments]
    assert read([moment.isoformat() for moment in moments], naive="local").us.tolist() == want


@given(st.floats(-6e10, 2.5e11), st.integers(0, 9))
def test_seconds_as_doubles(number: float, digits: int) -> None:
    """A double is cut where its shortest decimal would be."""
    value = round(number, digits)
    size = abs(Decimal(repr(value)))
    exact = Decimal(repr(value)) * (10**6 if size < 10**11 else 10**3)
    assert read([value]).us.tolist() == [math.floor(exact)]


@given(st.integers(1, 20).flatmap(lambda n: st.lists(st.text("0123456789", min_size=n, max_size=n), min_size=1)))
def test_digits_beside_each_other(texts: list[str]) -> None:
    """Numbers of equally many digits are read at once, and mean what each means beside one of another length."""
    together, apart = read(pa.array(texts)), read(pa.array([*texts, "1", ""]))
    assert (together.us == apart.us[:-2]).all()
    assert (together.state == apart.state[:-2]).all()


@given(st.lists(st.sampled_from([one for one in READABLE if len(one) == 20] + ["x" * 20]), min_size=1))
def test_times_beside_each_other(texts: list[str]) -> None:
    """So are times of equally many letters."""
    together, apart = read(pa.array(["skipped", *texts])[1:]), read(pa.array([*texts, ""]))
    assert (together.us == apart.us[:-1]).all()
    assert (together.state == apart.state[:-1]).all()
