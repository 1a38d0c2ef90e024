"""How a model is watched: what may be set, and what a change leaves alone."""

from dataclasses import replace
from typing import Any, Final

import pytest

from app.errors import Refused
from app.monitor.configuration import Configuration, changed, check_retention, restored

HOUR: Final = 3_600_000_000
OTHER: Final = Configuration(
    window=600_000_000,
    timezone="America/New_York",
    late_horizon=7 * HOUR,
    future_tolerance=0,
    time_column="at",
    naive_timestamps="local",
    version_column="arm",
    envelope=("log", "message"),
    pages_per_month=2.5,
)


def test_defaults() -> None:
    """A model that says nothing has windows of an hour in UTC, a day's horizon, ten minutes' tolerance, one page."""
    assert Configuration().document() == {
        "window": "1h",
        "timezone": "UTC",
        "late_horizon": "24h",
        "future_tolerance": "10m",
        "time_column": "timestamp",
        "naive_timestamps": "utc",
        "version_column": None,
        "envelope": [],
        "alert_budget": {"pages_per_month": 1.0},
    }


def test_document_comes_back() -> None:
    """What is written is what is read."""
    assert restored(OTHER.document()) == OTHER
    assert restored({}) == Configuration()


@pytest.mark.parametrize("text", ["24h", "1440m", "1d", "90s"])
def test_durations_are_read_as_written(text: str) -> None:
    """A time comes back in its owner's words, and in ours only once something else has changed it."""
    written = changed(OTHER, {"late_horizon": text, "window": "60m"})
    again = changed(restored(written.document()), {"future_tolerance": "0s"})
    assert (again.document()["late_horizon"], again.document()["window"]) == (text, "60m")
    assert replace(again, late_horizon=7 * HOUR).document()["late_horizon"] == "7h"


@pytest.mark.parametrize(
    ("document", "field", "value"),
    [
        ({"window": "1w"}, "window", 168 * HOUR),
        ({"window": "500ms"}, "window", 500_000),
        ({"timezone": "Asia/Kathmandu"}, "timezone", "Asia/Kathmandu"),
        ({"late_horizon": "0s"}, "late_horizon", 0),
        ({"future_tolerance": "3m"}, "future_tolerance", 180_000_000),
        ({"time_column": "when"}, "time_column", "when"),
        ({"naive_timestamps": "utc"}, "naive_timestamps", "utc"),
        ({"version_column": None}, "version_column", None),
        ({"envelope": []}, "envelope", ()),
        ({"alert_budget": {"pages_per_month": 4}}, "pages_per_month", 4.0),
    ],
)
def test_a_change_keeps_the_rest(document: dict[str, Any], field: str, value: object) -> None:
    """One field given changes one field."""
    expected: dict[str, Any] = {field: value}
    assert changed(OTHER, document) == replace(OTHER, **expected)


@pytest.mark.parametrize(
    "name",
    ["window", "timezone", "late_horizon", "future_tolerance", "time_column", "naive_timestamps", "envelope"],
)
def test_null_is_not_given(name: str) -> None:
    """A null keeps a field; only the version column can be taken away by it."""
    assert changed(OTHER, {name: None, "alert_budget": None, "features": None}) == OTHER


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"window": "5h"}, "unlawful-window"),
        ({"window": "0s"}, "unlawful-window"),
        ({"window": "2w"}, "unlawful-window"),
        ({"window": "1.5h"}, "unlawful-duration"),
        ({"window": "1 hour"}, "unlawful-duration"),
        ({"window": "-1h"}, "unlawful-duration"),
        ({"window": ""}, "unlawful-duration"),
        ({"late_horizon": "1"}, "unlawful-duration"),
        ({"late_horizon": "999999w"}, "unlawful-duration"),
        ({"future_tolerance": "1y"}, "unlawful-duration"),
        ({"timezone": "Mars/Olympus"}, "unknown-timezone"),
        ({"timezone": ""}, "unknown-timezone"),
        ({"timezone": "../etc/passwd"}, "unknown-timezone"),
        ({"timezone": "/etc/localtime"}, "unknown-timezone"),
        ({"timezone": "America"}, "unknown-timezone"),
        ({"timezone": "localtime"}, "unknown-timezone"),
        ({"timezone": "posixrules"}, "unknown-timezone"),
        ({"timezone": "Factory"}, "unknown-timezone"),
        ({"timezone": "right/UTC"}, "unknown-timezone"),
        ({"timezone": "UTC\0"}, "unknown-timezone"),
        ({"timezone": "x" * 5000}, "unknown-timezone"),
        ({"time_column": ""}, "unlawful-name"),
        ({"time_column": "a\nb"}, "unlawful-name"),
        ({"version_column": "\u202ex"}, "unlawful-name"),
        ({"version_column": "e\u0301"}, "unlawful-name"),
        ({"envelope": ["log", "x" * 257]}, "unlawful-name"),
    ],
)
def test_unlawful(document: dict[str, Any], code: str) -> None:
    """What cannot be is refused by a code of its own."""
    with pytest.raises(Refused) as refused:
        changed(Configuration(), document)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("horizon", "largest"),
    [("62h", "61h"), ("219601s", "61h"), ("3661m", "61h")],
)
def test_retention_names_the_largest_horizon(horizon: str, largest: str) -> None:
    """72 h of memory less 1 h of margin, a window of 6 h and a tolerance of 4 h leave 61 h, and not a second more."""
    document = {"window": "6h", "future_tolerance": "4h"}
    limits = {"retention_us": 72 * HOUR, "margin_us": HOUR}
    with pytest.raises(Refused, match="largest horizon that fits is 61h") as refused:
        check_retention(changed(Configuration(), document | {"late_horizon": horizon}), **limits)
    assert refused.value.code == "horizon-exceeds-retention"
    assert refused.value.extra == {"largest": largest}
    check_retention(changed(Configuration(), document | {"late_horizon": largest}), **limits)


def test_retention_to_the_millisecond() -> None:
    """Short memories are measured as finely as durations are written."""
    short = changed(Configuration(), {"window": "1s", "future_tolerance": "100ms", "late_horizon": "2s"})
    with pytest.raises(Refused) as refused:
        check_retention(short, retention_us=3_000_000, margin_us=50_000)
    assert refused.value.extra == {"largest": "1850ms"}


def test_no_horizon_fits() -> None:
    """Where even a horizon of nothing is too much, none is named."""
    none = changed(Configuration(), {"late_horizon": "0s", "window": "1w"})
    with pytest.raises(Refused, match="no horizon fits") as refused:
        check_retention(none, retention_us=72 * HOUR, margin_us=HOUR)
    assert refused.value.extra == {"largest": None}


def test_a_stored_zone_is_read_whatever_may_be_chosen_now() -> None:
    """A zone that was lawful once keeps its model working."""
    assert restored({"timezone": "Factory"}).timezone == "Factory"
