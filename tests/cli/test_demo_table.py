"""The demonstration's table says what drifted when, and which of it was injected."""

import datetime as dt
import io
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console

from app.cli.demo.table import FEED, lines, rendered

NEW_YORK = ZoneInfo("America/New_York")


def episode(feature: str, start: str, end: str | None, **fields: Any) -> dict[str, Any]:
    """An episode as the service gives it."""
    return {
        "id": "e",
        "version": "default",
        "feature": feature,
        "statistic": "evidence",
        "severity": "critical",
        "start": start,
        "end": end,
        "peak": 5.25,
        "cause": "unit_change",
        "group": "g",
        "top_bins": [],
        "verdict": None,
    } | fields


def test_lines_are_local_days() -> None:
    """An episode's first and last day are those of the model's zone; the end itself is outside."""
    found = lines([episode("distance", "2013-05-06T09:00:00Z", "2013-05-20T04:00:00Z")], NEW_YORK)[0]
    assert (found.first, found.last) == (dt.date(2013, 5, 6), dt.date(2013, 5, 19))
    late = lines([episode("distance", "2013-05-06T03:00:00Z", "2013-05-20T04:00:01Z")], NEW_YORK)[0]
    assert (late.first, late.last) == (dt.date(2013, 5, 5), dt.date(2013, 5, 20))


def test_only_faults_are_injected() -> None:
    """A line is injected when its feature was broken during it, open ends included, and never otherwise."""
    found = lines(
        [
            episode("distance", "2013-05-01T09:00:00Z", "2013-05-06T15:00:00Z"),
            episode("distance", "2013-05-21T09:00:00Z", "2013-05-22T09:00:00Z"),
            episode("distance", "2013-03-21T09:00:00Z", None),
            episode("distance", "2013-10-01T09:00:00Z", None),
            episode("dep_delay", "2013-05-10T09:00:00Z", "2013-05-11T09:00:00Z"),
            episode("dep_delay", "2013-09-09T09:00:00Z", "2013-09-16T09:00:00Z", statistic="null_ratio"),
            episode("", "2013-09-10T09:00:00Z", None),
        ],
        NEW_YORK,
    )
    assert [line.fault is not None for line in found] == [True, False, True, False, False, True, False]
    assert found[-1].feature == FEED


def test_table_fits_eighty_columns() -> None:
    """Dates, peaks and the word `injected` stand on the line of their episode in an ordinary terminal."""
    out = io.StringIO()
    found = lines(
        [
            episode("distance", "2013-05-06T09:00:00Z", "2013-05-19T15:00:00Z"),
            episode("dest", "2013-10-01T09:00:00Z", None, cause=None, peak=12.0),
        ],
        NEW_YORK,
    )
    Console(file=out, width=80).print(rendered(found))
    by_feature = {line.split()[0]: line for line in out.getvalue().splitlines() if line.strip()}
    for word in ("2013-05-06", "2013-05-19", "5.2", "unit_change", "injected: km, not miles"):
        assert word in by_feature["distance"]
    assert "still open" in by_feature["dest"]
    assert "injected" not in by_feature["dest"]
