"""What is kept in memory for a moment."""

import pytest

from app.drift.context import HOUR_US, WEEK_US
from app.errors import Conflict, NotFound
from app.monitor import catalog as catalogs
from app.monitor.catalog import Catalog
from app.storage import models
from monitor.desk import MONDAY, Desk


def change(desk: Desk) -> None:
    """Let another replica change the model."""
    with desk.service.database.transaction() as conn:
        model = models.find(conn, desk.name)
        assert model is not None
        models.change(conn, model, config=dict(model.config), features=model.features)


def test_an_entry_is_trusted_for_a_while(small: Desk) -> None:
    """Within its life an entry is given as it is, unless it is asked for fresh or forgotten."""
    for ttl_s, trusted in ((3600.0, True), (0.0, False)):
        catalog = Catalog(small.service.database, ttl_s=ttl_s)
        first = catalog.watched("m")
        change(small)
        assert (catalog.watched("m") is first) is trusted
        assert catalog.watched("m", fresh=True).model.revision == first.model.revision + 1
        second = catalog.watched("m")
        catalog.forget("m")
        assert catalog.watched("m") is not second


def test_a_model_that_is_gone_is_forgotten(small: Desk) -> None:
    """A fresh look that finds nothing also ends what was kept."""
    catalog = Catalog(small.service.database, ttl_s=3600.0)
    kept = catalog.watched("m")
    with small.service.database.transaction() as conn:
        models.delete(conn, kept.id, now_us=MONDAY)
    assert catalog.watched("m") is kept
    for fresh in (True, False):
        with pytest.raises(NotFound):
            catalog.watched("m", fresh=fresh)
    assert catalog.names() == []


def test_baselines_are_read_once(small: Desk) -> None:
    """A baseline never changes."""
    catalog = Catalog(small.service.database)
    baseline_id = small.watched.schedule[0].baseline_id
    assert catalog.baseline(baseline_id) is catalog.baseline(baseline_id)


def test_names_of_features_take_no_place_of_a_baseline(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of many models does not push out what is counted on; only so many names are kept."""
    ids = []
    for name in ("a", "b", "c"):
        desk.name = name
        desk.configure(window="1h")
        desk.reference(desk.write("x,y\n1,2\n", f"{name}.csv"))
        ids.append(desk.watched.schedule[0].baseline_id)
    monkeypatch.setattr(catalogs, "KEPT_BASELINES", 1)
    monkeypatch.setattr(catalogs, "KEPT_FEATURES", 4)
    catalog = Catalog(desk.service.database)
    kept = catalog.baseline(ids[0])
    for baseline_id in (*ids, *ids):
        assert catalog.feature_names(baseline_id) == ("x", "y")
    assert catalog.baseline(ids[0]) is kept
    last = catalog.feature_names(ids[2])
    assert catalog.feature_names(ids[2]) is last
    assert catalog.feature_names(ids[1]) is catalog.feature_names(ids[1])


def test_activation(desk: Desk) -> None:
    """The first baseline holds for all windows, the second from the boundary after its activation."""
    desk.configure(window="1h")
    with pytest.raises(Conflict, match="no active baseline"):
        desk.watched.activation(0)
    desk.reference(desk.write("x\n1\n"))
    desk.at(MONDAY + 1)
    desk.reference(desk.write("x\n2\n", "second.csv"))
    watched = desk.watched
    assert [watched.activation(us).number for us in (-WEEK_US, MONDAY, MONDAY + HOUR_US)] == [1, 1, 2]


def test_longest_gap(desk: Desk) -> None:
    """The longest pause of the last eight weeks; an older one is forgotten, and one window has none."""
    desk.configure(window="1h")
    hours = [0, 3000, 3001, 3001 + 8 * 168]
    desk.reference(desk.write("timestamp,x\n" + "".join(f"{MONDAY + h * HOUR_US},1\n" for h in hours)))
    desk.reference(desk.write(f"timestamp,x\n{MONDAY},1\n", "second.csv"))
    first, second = (one.baseline_id for one in desk.watched.schedule)
    assert desk.service.catalog.longest_gap(first) == 8 * 168 * HOUR_US
    assert desk.service.catalog.longest_gap(second) is None
