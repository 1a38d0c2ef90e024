"""The road of histograms that their sender made."""

from typing import Any, Final

import pytest

from app.drift.context import HOUR_US
from app.errors import BadRequest, Refused
from app.monitor.instants import instant_text
from app.monitor.promotion import activate
from app.storage import windows
from app.storage.database import Database
from monitor.desk import AUTHOR, MONDAY, Desk, opened
from monitor.test_record import held

START: Final = instant_text(MONDAY)


def bins(desk: Desk, feature: str) -> list[str]:
    """The labels of a feature's bins."""
    baseline = desk.service.catalog.baseline(desk.watched.schedule[0].baseline_id)
    f = [one.name for one in baseline.features].index(feature)
    return [one.label if one.kind.value == "category" else one.kind.value for one in baseline.bins_of(f)]


def counts(desk: Desk, feature: str, **held: int) -> dict[str, list[int]]:
    """Counts in published order from those that are not 0."""
    return {"counts": [held.get(label, 0) for label in bins(desk, feature)]}


def posted(*windows: object, **said: object) -> dict[str, object]:
    """A delivery of windows."""
    return {"baseline": 1, "windows": list(windows), **said}


def window(rows: int = 0, *, start: object = START, **features: object) -> dict[str, object]:
    """One window."""
    return {"start": start, "rows": rows, "features": features}


def test_counted(small: Desk) -> None:
    """Counts are added as they are, a feature left out is null, an unknown one is ignored and counted."""
    document = posted(window(3, colour=counts(small, "colour", red=2, unseen=1), odd={"counts": []}), version="v2")
    receipt = small.binned(document)
    assert receipt["rows"] == {"received": 3, "accepted": 3, "late": 0, "future": 0, "rejected": 0}
    assert receipt["windows"] == [{"start": START, "rows": 3}]
    assert receipt["ignored_features"] == {"count": 1, "sample": ["odd"]}
    assert small.binned(document)["duplicate"] is True
    assert held(small, "colour", version="v2") == {"red": 2, "unseen": 1}
    assert held(small, "x", version="v2") == {"null": 3}


def test_two_deliveries_add(small: Desk) -> None:
    """Histograms and rows of one window are one window."""
    small.binned(posted(window(1, colour=counts(small, "colour", red=1)), window(1)))
    small.rows([{"colour": "red"}])
    assert held(small, "colour") == {"red": 2, "null": 1}


def test_sums_take_the_means_of_the_bins(small: Desk) -> None:
    """Rows whose values nobody saw are taken at the baseline's mean of their bin."""
    small.binned(posted(window(6, x={"counts": [2 * (label == "value") for label in bins(small, "x")]})))
    with small.service.database.snapshot() as conn:
        ((_, found),) = windows.histograms(conn, small.watched.id, start_us=MONDAY, version="default")
    assert found.sums[0].tolist() == [2.0 * (1 + 2 + 3), 0.0]


def test_one_space_of_ids(small: Desk) -> None:
    """A batch of rows and a delivery of histograms cannot share an id."""
    small.rows([{"x": 1}], "same")
    with pytest.raises(Refused) as refused:
        small.binned(posted(window(1)), "same")
    assert refused.value.code == "batch-id-reused"


def test_late_and_future(small: Desk) -> None:
    """A window is late when it ended before the horizon, and future when it starts beyond the tolerance."""
    small.at(MONDAY + 24 * HOUR_US)
    document = posted(
        *[window(n + 1, start=instant_text(MONDAY + h * HOUR_US)) for n, h in enumerate((-2, -1, 24, 25))]
    )
    assert small.binned(document)["rows"] == {"received": 10, "accepted": 5, "late": 1, "future": 4, "rejected": 0}
    assert small.binned(document, "h2", backfill=True)["rows"]["late"] == 0


def test_empty_deliveries(small: Desk) -> None:
    """No window, or one without rows, is a receipt and no window."""
    assert small.binned(posted())["windows"] == []
    assert small.binned(posted(window(0)), "h2")["windows"] == []
    assert small.counts(small.watched.schedule[0].baseline_id) == []


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"windows": []}, "/baseline"),
        ({"baseline": 2, "windows": []}, "/baseline"),
        ({"baseline": True, "windows": []}, "/baseline"),
        ({"baseline": 1.0, "windows": []}, "/baseline"),
        ({"baseline": "1", "windows": []}, "/baseline"),
        ({"baseline": 2**70, "windows": []}, "/baseline"),
        ({"baseline": 1}, "/windows"),
        ({"baseline": 1, "windows": {}}, "/windows"),
        ({"baseline": 1, "version": 5, "windows": []}, "/version"),
        ({"baseline": 1, "version": [], "windows": []}, "/version"),
        (posted(5), "/windows/0"),
        (posted(window(), window(start=instant_text(MONDAY + 1))), "/windows/1/start"),
        (posted({"start": START}), "/windows/0/rows"),
        (posted(window(-1)), "/windows/0/rows"),
        (posted({"start": START, "rows": True}), "/windows/0/rows"),
        (posted({"start": START, "rows": 1.5}), "/windows/0/rows"),
        (posted({"start": START, "rows": 10**16}), "/windows/0/rows"),
        (posted({"start": START, "rows": 1, "features": []}), "/windows/0/features"),
        (posted(window(1, x=[1])), "/windows/0/features/x/counts"),
        (posted(window(1, x={})), "/windows/0/features/x/counts"),
        (posted(window(1, x={"counts": [1]})), "/windows/0/features/x/counts"),
    ],
)
def test_unlawful(small: Desk, document: dict[str, Any], pointer: str) -> None:
    """Each thing that cannot be is refused by its place in the document, and nothing is counted."""
    with pytest.raises(Refused) as refused:
        small.binned(document)
    assert (refused.value.code, refused.value.extra) == ("unlawful-histogram", {"pointer": pointer})


@pytest.mark.parametrize("given", [[2], [0.5, 0.5], [True], [-1, 2], ["1"], [None]])
def test_unlawful_counts(small: Desk, given: list[object]) -> None:
    """Counts are whole numbers of at least 0 that sum to the rows."""
    padded = [*given, *[0] * (len(bins(small, "x")) - len(given))]
    with pytest.raises(Refused, match="x/counts"):
        small.binned(posted(window(1, x={"counts": padded})))


@pytest.mark.parametrize("start", [None, "2025-08-04", "soon", -9e10, [], True])
def test_unreadable_start(small: Desk, start: object) -> None:
    """A start that is no time is refused."""
    with pytest.raises(Refused) as refused:
        small.binned(posted(window(start=start)))
    assert refused.value.code == "unreadable-time"


@pytest.mark.parametrize("version", ["a\nb", ".", "x" * 257])
def test_unlawful_version(small: Desk, version: str) -> None:
    """A version is a name."""
    with pytest.raises(Refused) as refused:
        small.binned(posted(version=version))
    assert refused.value.code == "unlawful-name"


def test_no_object(small: Desk) -> None:
    """Anything but a JSON object cannot be decoded."""
    with pytest.raises(BadRequest):
        small.binned([])


def test_too_many_windows(database: Database, small: Desk) -> None:
    """A delivery over more windows than allowed is refused before they are read."""
    with opened(database, small.folder, max_windows=1) as strict, pytest.raises(Refused) as refused:
        strict.binned(posted(5, 6))
    assert refused.value.code == "too-many-windows"


def test_a_baseline_that_was_active(small: Desk) -> None:
    """Counts on the bins of an earlier baseline are still taken, those of one that never held are not."""
    small.reference(small.write("x\n1\n2\n", "second.csv"), activate=False)
    document = posted(window(1)) | {"baseline": 2}
    with pytest.raises(Refused):
        small.binned(document)
    activate(small.service, "m", 2, author=AUTHOR)
    assert small.binned(document)["baseline"] == 2
    assert small.binned(posted(window(1)), "old")["baseline"] == 1
