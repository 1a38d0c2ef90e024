"""Storing a baseline and letting it hold."""

import gzip
import json
import zlib

import numpy as np
import pytest
import zstandard

from app.drift.context import HOUR_US
from app.errors import NotFound, Refused
from app.monitor import ready
from app.monitor.instants import instant_text
from app.monitor.promotion import activate, create_from_windows
from app.monitor.references import document
from app.storage import baselines
from monitor.desk import AUTHOR, MONDAY, Desk


def promote(desk: Desk, first: int, last: int, *, version: str = "default") -> dict[str, object]:
    """Promote hours first to last - 1."""
    return create_from_windows(
        desk.service,
        "m",
        from_us=MONDAY + first * HOUR_US,
        to_us=MONDAY + last * HOUR_US,
        version=version,
        activate=True,
        author=AUTHOR,
    )


def test_answer(desk: Desk) -> None:
    """The answer tells rows, bins, nulls and what could not be used."""
    desk.configure(features={"y": {"kind": "categorical", "role": "outcome"}})
    rows = [{"x": 1}, {"x": None}, 5, {"x": 2, "timestamp": "never"}]
    made = desk.reference(desk.write(json.dumps(rows), "rows.json"))
    assert (made["baseline"], made["rows"], made["windows"], made["weeks"]) == (1, 2, 0, 0)
    assert (made["status"], made["rejected"]) == ("active", 2)
    assert [one["row"] for one in made["rejections"]] == [2, 3]
    assert made["features"]["x"] == {
        "kind": "numeric", "role": "feature", "bins": 8, "null_share": 0.5, "calibrated": False
    }  # fmt: skip
    assert made["features"]["y"]["null_share"] == 1.0
    assert made["features"]["y"]["role"] == "outcome"


def test_windows_become_a_baseline(small: Desk) -> None:
    """The sum of the chosen hours on the same bins, and the hours themselves, late rows in the journal included."""
    for hour in range(3):
        small.at(MONDAY + hour * HOUR_US).rows([{"x": 1 + hour, "colour": "red"}] * 2, f"b{hour}")
    small.fold()
    small.rows([{"x": 1, "timestamp": MONDAY}], "late")
    made = promote(small, 0, 2)
    assert (made["baseline"], made["rows"], made["windows"], made["weeks"]) == (2, 5, 2, 1)
    new = small.watched.schedule[1].baseline_id
    first, second = (small.service.catalog.baseline(one.baseline_id) for one in small.watched.schedule)
    assert second.features[0].bins.size == first.features[0].bins.size
    x = [one.name for one in second.features].index("x")
    values = [one.value for one in second.bins_of(x) if one.kind.value == "value"]
    held = second.counts[second.slice_of(x)].tolist()
    assert [held[n] for n, one in enumerate(second.bins_of(x)) if one.kind.value == "value"] == [3, 2, 0]
    assert values == [1.0, 2.0, 3.0]
    with small.service.database.snapshot() as conn:
        (own,) = baselines.windows(conn, new)
    assert own.starts.tolist() == [MONDAY, MONDAY + HOUR_US]
    assert own.rows.tolist() == [3, 2]
    assert np.array_equal(own.counts.sum(axis=0), second.counts)


def test_what_cannot_be_promoted(small: Desk) -> None:
    """Hours without rows, and hours on two baselines."""
    small.rows([{"x": 1}], "a")
    for version, first in (("default", 1), ("v2", 0)):
        with pytest.raises(Refused) as refused:
            promote(small, first, 5, version=version)
        assert refused.value.code == "no-window"
    small.at(MONDAY + 1)
    small.reference(small.write("x\n1\n2\n", "second.csv"))
    small.at(MONDAY + HOUR_US).rows([{"x": 1}], "b")
    with pytest.raises(Refused) as refused:
        promote(small, 0, 5)
    assert refused.value.code == "mixed-baselines"
    assert promote(small, 1, 5)["rows"] == 1


def test_a_baseline_that_was_read_can_be_posted_back(small: Desk) -> None:
    """Ready histograms give the same bins and counts, compressed or not, and hold no window."""
    read = document(small.service, small.watched, 1, as_gx=False)
    path = small.write(json.dumps(read), "ready.json")
    files = [path]
    for squeeze in (gzip.compress, zlib.compress, zstandard.compress):
        files.append(small.folder / f"ready.{squeeze.__module__}")
        files[-1].write_bytes(squeeze(b"\r\n" + path.read_bytes()))
    for number, file in enumerate(files, 2):
        made = small.reference(file)
        assert (made["baseline"], made["windows"]) == (number, 0)
        again = document(small.service, small.watched, number, as_gx=False)
        assert again["features"] == read["features"]
        assert again["source"] == "histograms"


def test_rows_that_inflate_beyond_any_document(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compressed file of rows may hold more than ready histograms ever do."""
    monkeypatch.setattr(ready, "LARGEST", 200)
    desk.configure()
    packed = desk.folder / "rows.csv.gz"
    packed.write_bytes(gzip.compress(b"x\n" + b"1\n" * 500))
    assert packed.stat().st_size < 200
    assert desk.reference(packed)["rows"] == 500


def test_activation(small: Desk) -> None:
    """A baseline waits for its activation and then for the next boundary; learnt features follow it."""
    small.at(MONDAY + 1)
    made = small.reference(small.write("z\n1\n2\n", "second.csv"), activate=False)
    assert made["status"] == "inactive"
    assert [one.name for one in small.watched.model.features] == ["x", "colour"]
    assert activate(small.service, "m", 2, author=AUTHOR) == {"baseline": 2, "status": "active"}
    assert [one.effective_from_us for one in small.watched.schedule] == [None, MONDAY + HOUR_US]
    assert [one.name for one in small.watched.model.features] == ["z"]
    assert small.watched.activation(MONDAY + HOUR_US - 1).number == 1
    assert small.watched.activation(MONDAY + HOUR_US).number == 2


@pytest.mark.parametrize("number", [0, -1, 2, 2**31, 2**70])
def test_unknown_baseline(small: Desk, number: int) -> None:
    """Numbers that were never given out are not found."""
    with pytest.raises(NotFound) as missing:
        activate(small.service, "m", number, author=AUTHOR)
    assert missing.value.code == "unknown-baseline"


def test_instants_of_windows(small: Desk) -> None:
    """A promotion tells when it was made."""
    assert document(small.service, small.watched, 1, as_gx=True)["created_at"] == instant_text(MONDAY)
