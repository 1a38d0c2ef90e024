"""The road of a baseline's rows."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from app.drift.baseline import Baseline
from app.drift.columns import Kind
from app.drift.context import HOUR_US
from app.errors import Refused
from app.monitor import baseline as road
from app.monitor.baseline import BaselineRows
from app.monitor.spill import Spill
from app.storage.windows import WindowCounts
from app.wire.arriving import Arriving, complete
from app.wire.stream import RowsFile
from monitor.desk import MONDAY, Desk, weeks_of_rows

HOURS: Final = 5


def read(
    desk: Desk, path: Path, *, max_columns: int = 100, spill: Spill | None = None, arriving: Arriving | None = None
) -> tuple[Baseline, list[WindowCounts]]:
    """Take the road: fit, then count."""
    file = RowsFile(path, None, arriving=arriving or complete())
    rows = BaselineRows(desk.watched, file, now_us=MONDAY, max_columns=max_columns)
    tally, counted = rows.fit(spill)
    parts = list(rows.count(tally, counted.starts, spill))
    return tally.finish(), parts


def lines(desk: Desk, rows: Sequence[object]) -> Path:
    """A file of JSON lines."""
    return desk.write("\n".join(json.dumps(row) for row in rows), "rows.ndjson")


def kinds(baseline: Baseline) -> dict[str, str]:
    """The kinds of all features."""
    return {feature.name: feature.kind.value for feature in baseline.features}


def test_windows_sum_to_the_baseline(desk: Desk) -> None:
    """Each hour is counted on the bins of the whole, and rows without a time in no hour."""
    desk.configure()
    text = "\n".join(weeks_of_rows().splitlines()[: 1 + 40 * HOURS]) + "\n,9,pink\n"
    baseline, (part,) = read(desk, desk.write(text))
    assert baseline.rows == 40 * HOURS + 1
    assert part.starts.tolist() == [MONDAY + hour * HOUR_US for hour in range(HOURS)]
    assert part.rows.tolist() == [40] * HOURS
    rest = baseline.counts - part.counts.sum(axis=0)
    assert [int(rest[baseline.slice_of(f)].sum()) for f in range(2)] == [1, 1]


def test_passes_change_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two windows a pass give what all at once give, in three parts."""
    desk.configure()
    path = desk.write("\n".join(weeks_of_rows().splitlines()[: 1 + 40 * HOURS]))
    baseline, (whole,) = read(desk, path)
    monkeypatch.setattr(road, "WINDOW_MEMORY", 2 * 8 * baseline.total)
    again, parts = read(desk, path)
    assert [len(part) for part in parts] == [2, 2, 1]
    assert np.array_equal(again.counts, baseline.counts)
    for name in ("starts", "rows", "counts", "sums"):
        assert np.array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name))


def test_kinds_are_decided_on_the_first_rows(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine numbers of ten are a numeric column, eight are not; nulls do not vote, and later rows neither."""
    monkeypatch.setattr(road, "INFERENCE_ROWS", 12)
    desk.configure()
    rows: list[dict[str, object]] = [
        {"nine": n or "a", "eight": n if n > 1 else "a", "text": f"{n}.5", "flag": n > 3, "nothing": None}
        for n in range(10)
    ]
    rows += [{"nine": None}, {}]
    rows += [{"nine": "a", "nothing": "a"} for _ in range(30)]
    baseline, _ = read(desk, lines(desk, rows))
    assert kinds(baseline) == {
        "nine": "numeric",
        "eight": "categorical",
        "text": "numeric",
        "flag": "numeric",
        "nothing": "numeric",
    }


def test_declared_kinds_and_missing_columns(desk: Desk) -> None:
    """A declared kind stands against the values; a declared column that no row has is all null."""
    desk.configure(
        features={
            "x": {"kind": "categorical"},
            "y": {"kind": "numeric"},
            "z": {"kind": "categorical", "role": "outcome"},
        }
    )
    baseline, _ = read(desk, lines(desk, [{"x": 1}, {"x": 2, "w": "a"}]))
    assert kinds(baseline) == {"x": "categorical", "w": "categorical", "y": "numeric", "z": "categorical"}
    for f, feature in enumerate(baseline.features[2:], 2):
        held = {
            one.kind.value: n for one, n in zip(baseline.bins_of(f), baseline.counts[baseline.slice_of(f)], strict=True)
        }
        assert held["null"] == 2, feature.name
    assert baseline.features[3].role == "outcome"


def test_late_columns(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column that begins after the first rows is numeric, and null in all rows before it."""
    monkeypatch.setattr(road, "INFERENCE_ROWS", 2)
    desk.configure()
    many = 200_000
    rows = '{"x":1}\n' * many + '{"x":1,"y":7}\n{"x":1,"y":"a"}\n'
    baseline, _ = read(desk, desk.write(rows, "rows.ndjson"))
    assert kinds(baseline) == {"x": "numeric", "y": "numeric"}
    held = {
        one.kind.value: int(n)
        for one, n in zip(baseline.bins_of(1), baseline.counts[baseline.slice_of(1)], strict=True)
        if n
    }
    assert held == {"value": 1, "invalid": 1, "null": many}


def test_steering_columns_are_no_features(desk: Desk) -> None:
    """Neither the time nor the version column; rows of every version count."""
    desk.configure(time_column="at", version_column="arm")
    baseline, (part,) = read(desk, lines(desk, [{"at": MONDAY, "arm": n, "x": n} for n in "ab"]))
    assert kinds(baseline) == {"x": Kind.CATEGORICAL.value}
    assert part.rows.tolist() == [2]


def test_history_and_future(desk: Desk) -> None:
    """A baseline knows no horizon and no tolerance."""
    desk.configure()
    _, (part,) = read(desk, lines(desk, [{"timestamp": 0, "x": 1}, {"timestamp": "2999-01-01T00:00:00Z", "x": 1}]))
    assert part.rows.tolist() == [1, 1]


@pytest.mark.parametrize("text", ["x\n", "timestamp,x\nsoon,1\n", "", "\ufeff\n\n"])
def test_empty(desk: Desk, text: str) -> None:
    """Without a row that could be read there is no baseline, and the answer tells how many were rejected."""
    desk.configure()
    with pytest.raises(Refused) as refused:
        read(desk, desk.write(text))
    assert refused.value.code == "empty-baseline"
    assert refused.value.extra == {"rejected": text.count("soon")}


def test_unlawful_and_too_many_columns(desk: Desk) -> None:
    """A column that no feature could be named after, and more columns than a model may have."""
    desk.configure()
    with pytest.raises(Refused) as refused:
        read(desk, lines(desk, [{"a\u202e": 1}]))
    assert refused.value.code == "unlawful-name"
    with pytest.raises(Refused, match="may have 2 features, these rows have 3") as refused:
        read(desk, lines(desk, [{"a": 1, "b": 1, "c": 1}]), max_columns=2)
    assert refused.value.code == "too-many-columns"


def test_rows_in_envelopes(desk: Desk) -> None:
    """A log in envelopes is a baseline of what is in them; without any, a date is a column like another."""
    lines = [json.dumps({"date": MONDAY / 1e6, "log": json.dumps({"features": {"x": n}})}) for n in range(40)]
    path = desk.write("\n".join(lines), "log.ndjson")
    desk.configure(window="1h", envelope=["log"])
    made = desk.reference(path)
    assert (made["rows"], made["windows"], list(made["features"])) == (40, 1, ["x"])
    assert desk.rows([{"log": {"x": 1}, "timestamp": MONDAY / 1e6}])["rows"]["accepted"] == 1
    plain = desk.write(json.dumps([{"date": 20261120, "features": {"x": n}} for n in range(40)]), "plain.json")
    desk.name = "plain"
    desk.configure(window="1h")
    assert list(desk.reference(plain)["features"]) == ["date", "x"]
