"""What a sender is told."""

import json
from typing import Any, Final

import numpy as np

from app.drift.context import HOUR_US
from app.monitor.arrival import Arrival
from app.monitor.receipt import Receipt, as_duplicate
from app.wire.decode import decode
from app.wire.table import Rejection

ARRIVAL: Final = Arrival(
    rows=np.array([0, 1, 2]),
    starts=np.array([HOUR_US, 0, HOUR_US]),
    timed=np.array([True, False, True]),
    arms=np.zeros(3, np.int32),
    versions=("default",),
    late=1,
    future=2,
    rejected=3,
    rejections=(Rejection(4, "unreadable time"),),
    ambiguous=5,
)


def read(ignored: list[str]) -> dict[str, Any]:
    """Write the receipt of nine rows and read it."""
    table = decode(json.dumps([{"x": 1}] * 9).encode(), "application/json")
    receipt = Receipt.of("b/1", table, ARRIVAL, ignored=ignored, baseline=2, now_us=1_500_000)
    found: dict[str, Any] = json.loads(receipt.text())
    return found


def test_fields() -> None:
    """Every field, with one entry for each window, earliest first."""
    assert read(["ä"]) == {
        "batch_id": "b/1",
        "duplicate": False,
        "rows": {"received": 9, "accepted": 3, "late": 1, "future": 2, "rejected": 3},
        "rejections": [{"row": 4, "reason": "unreadable time"}],
        "ignored_features": {"count": 1, "sample": ["ä"]},
        "windows": [{"start": "1970-01-01T00:00:00Z", "rows": 1}, {"start": "1970-01-01T01:00:00Z", "rows": 2}],
        "baseline": 2,
        "untimed": 1,
        "ambiguous": 5,
        "server_time": "1970-01-01T00:00:01.500000Z",
    }


def test_ignored_names_are_sampled() -> None:
    """Ten names are shown of however many, and at most a thousand letters of each."""
    shown = read(["a" * 100_000, *[f"b{n}" for n in range(20)]])["ignored_features"]
    assert shown["count"] == 21
    assert shown["sample"] == ["a" * 1024, *[f"b{n}" for n in range(9)]]


def test_duplicate() -> None:
    """A repeated delivery gets the same receipt but for one word."""
    assert as_duplicate('{"batch_id":"b","duplicate":false,"rows":{}}') == {
        "batch_id": "b",
        "duplicate": True,
        "rows": {},
    }
