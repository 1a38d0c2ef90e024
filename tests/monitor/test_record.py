"""The road of a batch."""

import json
from dataclasses import replace
from typing import Final

import pytest

from app.drift.context import HOUR_US
from app.errors import Conflict, Refused
from app.monitor.configuration import restored
from app.monitor.instants import instant_text
from app.monitor.parcel import Parcel
from app.monitor.promotion import activate
from app.monitor.reading import histograms
from app.monitor.record import prepare, record_batch, settle
from app.storage.database import Database
from monitor.desk import AUTHOR, MONDAY, Desk, opened

ROWS: Final = [{"x": 1, "colour": "red"}, {"x": None, "colour": "green"}, {"x": "a", "odd": 1}]


def held(desk: Desk, feature: str, *, start: int = MONDAY, version: str = "default") -> dict[str, int]:
    """The counts of a window's bins that are not empty, by label."""
    found = histograms(desk.service, desk.watched, start, version=version, feature=feature, baseline=None)
    bins = json.loads(json.dumps(found))["features"][feature]["bins"]
    return {one["label"] if one["kind"] == "category" else one["kind"]: one["count"] for one in bins if one["count"]}


def test_counted_once(small: Desk) -> None:
    """Three rows are counted in the bins of each feature; the same bytes again count nothing."""
    first = small.rows(ROWS)
    again = small.rows(ROWS)
    assert first["rows"] == {"received": 3, "accepted": 3, "late": 0, "future": 0, "rejected": 0}
    assert first["ignored_features"] == {"count": 1, "sample": ["odd"]}
    assert first["windows"] == [{"start": instant_text(MONDAY), "rows": 3}]
    assert (first["baseline"], first["untimed"], first["duplicate"]) == (1, 3, False)
    assert again == {**first, "duplicate": True}
    assert held(small, "x") == {"value": 1, "null": 1, "invalid": 1}
    assert held(small, "colour") == {"red": 1, "unseen": 1, "null": 1}


@pytest.mark.parametrize("said", [{"content_type": "text/csv"}, {"version": "v2"}])
def test_an_id_is_for_one_delivery(small: Desk, said: dict[str, str]) -> None:
    """Other bytes, another type or another version under a known id are refused and not counted."""
    small.rows(ROWS)
    with pytest.raises(Refused, match="used for other bytes") as refused:
        small.rows(ROWS, **said)
    assert refused.value.code == "batch-id-reused"
    with pytest.raises(Refused, match="used for other bytes"):
        small.rows(ROWS[:1])
    assert small.counts(small.watched.schedule[0].baseline_id) == [(MONDAY, 3)]


def test_a_change_between_binning_and_commit_bins_again(small: Desk) -> None:
    """What was binned on the old baseline is sent back at the commit, and the second try uses the new one."""
    service, parcel = small.service, Parcel("b1", b'[{"x":1}]', "application/json")
    stale = prepare(service, small.watched, parcel)
    small.reference(small.write("x\n5\n6\n", "second.csv"))
    assert settle(service, stale, service.committer.submit(stale).result(60)) is None
    small.at(MONDAY + HOUR_US)
    receipt = record_batch(service, "m", parcel)
    assert receipt["baseline"] == 2
    assert receipt["rows"]["accepted"] == 1
    assert [len(small.counts(one.baseline_id)) for one in small.watched.schedule] == [0, 1]


def test_the_road_looks_at_the_model_anew_when_it_was_stale(small: Desk) -> None:
    """A replica whose picture of the model is old counts the batch all the same, and by the new settings."""
    service = small.service
    old = service.catalog.watched("m")
    other = Desk(replace(service, catalog=type(service.catalog)(service.database)), small.folder)
    other.configure(window="1h", time_column="at")
    assert service.catalog.watched("m") is old
    receipt = record_batch(service, "m", Parcel("b1", b'[{"x":1,"at":"never"}]', "application/json"))
    assert receipt["rejections"] == [{"row": 0, "reason": "unreadable time"}]


def test_one_batch_over_two_baselines(small: Desk) -> None:
    """Rows before a boundary go to the old baseline and rows after it to the new one, in one receipt."""
    small.at(MONDAY + 1)
    small.reference(small.write("x\n5\n6\n", "second.csv"))
    small.at(MONDAY + 2 * HOUR_US)
    receipt = small.rows([{"x": 1, "timestamp": MONDAY + n * HOUR_US} for n in (0, 0, 1, 2)])
    assert receipt["baseline"] == 2
    assert [one["rows"] for one in receipt["windows"]] == [2, 1, 1]
    first, second = (one.baseline_id for one in small.watched.schedule)
    assert small.counts(first) == [(MONDAY, 2)]
    assert small.counts(second) == [(MONDAY + HOUR_US, 1), (MONDAY + 2 * HOUR_US, 1)]


def test_versions_of_rows(small: Desk) -> None:
    """Versions in the rows are counted apart; the receipt has one entry for the window, the column is no feature."""
    small.configure(version_column="arm")
    receipt = small.rows([{"x": 1, "arm": "a"}, {"x": 2, "arm": "b"}, {"x": 3}], version="c")
    assert receipt["windows"] == [{"start": instant_text(MONDAY), "rows": 3}]
    assert receipt["ignored_features"]["count"] == 0
    assert [held(small, "x", version=version) for version in "abc"] == [{"value": 1}] * 3


def test_too_many_windows(database: Database, small: Desk) -> None:
    """A batch over more windows than allowed is refused whole."""
    with opened(database, small.folder, max_windows=2, max_rows=3) as strict:
        rows = [{"x": 1, "timestamp": MONDAY - n * HOUR_US} for n in range(3)]
        with pytest.raises(Refused, match="may touch 2 windows, not 3") as refused:
            strict.rows(rows)
        assert refused.value.code == "too-many-windows"
        assert strict.rows(rows[:2])["rows"]["accepted"] == 2
        with pytest.raises(Refused, match="may hold 3 rows, this one has 4"):
            strict.rows([1] * 4, "b2")


def test_nothing_accepted_is_still_a_receipt(small: Desk) -> None:
    """A batch of late and rejected rows is noted, counts nothing, and its id is taken."""
    receipt = small.rows([{"x": 1, "timestamp": 0}, 5])
    assert receipt["rows"] == {"received": 2, "accepted": 0, "late": 1, "future": 0, "rejected": 1}
    assert receipt["windows"] == []
    assert small.rows([{"x": 1, "timestamp": 0}, 5])["duplicate"] is True


def test_no_baseline(desk: Desk) -> None:
    """Without an active baseline a sender is told to come again; one that is not active does not help."""
    desk.configure()
    desk.reference(desk.write("x\n1\n"), activate=False)
    with pytest.raises(Conflict) as conflict:
        desk.rows(ROWS)
    assert (conflict.value.code, conflict.value.may_retry, conflict.value.retry_after) == ("no-baseline", True, 30)
    activate(desk.service, "m", 1, author=AUTHOR)
    assert desk.rows(ROWS)["rows"]["accepted"] == 3


def test_stored_settings_are_those_in_force(small: Desk) -> None:
    """What the database keeps of a model gives the configuration it was given."""
    small.configure(late_horizon="2h")
    assert restored(small.watched.model.config).late_horizon == 2 * HOUR_US
    assert small.rows([{"x": 1, "timestamp": MONDAY - 2 * HOUR_US - 1}])["rows"]["late"] == 1


def test_windows_and_versions_interleaved(small: Desk) -> None:
    """Every row is counted in its own hour and version, however they are mixed."""
    small.configure(version_column="arm")
    small.at(MONDAY + 2 * HOUR_US)
    mixed = [(2, "b", 1), (0, "a", 2), (1, "b", 3), (0, "b", 1), (2, "a", 4), (0, "a", 1)]
    rows = [{"x": 1, "timestamp": MONDAY + h * HOUR_US, "arm": arm} for h, arm, n in mixed for _ in range(n)]
    receipt = small.rows(rows)
    assert [one["rows"] for one in receipt["windows"]] == [4, 3, 5]
    baseline_id = small.watched.schedule[0].baseline_id
    hours = {arm: [((at - MONDAY) // HOUR_US, n) for at, n in small.counts(baseline_id, arm)] for arm in "ab"}
    assert hours == {"a": [(0, 3), (2, 4)], "b": [(0, 1), (1, 3), (2, 1)]}
