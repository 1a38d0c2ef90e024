"""One incident is one page, with what it takes to act on it; none for what is normal, planned or none of ours."""

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from itertools import cycle
from random import Random
from typing import Any, Final

import httpx
import pytest

from e2e.conftest import World
from e2e.feeds import Fault, Live, good, hour_of, hours, make, make_live, null_storm, send, unit_change
from e2e.stack import Call, Pager
from service import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
NORMAL: Final = 6
BROKEN: Final = 16
MENDED: Final = 40
LOOK_S: Final = 2.0
"""Long enough for a scrape and a look at the rules, so that every hour is seen by itself."""
FAULTS: Final[Mapping[str, tuple[Fault | None, str, str]]] = {
    "claims": (null_storm, "age", "nulls"),
    "loans": (unit_change, "amount", "unit_change"),
    "rates": (None, "amount", ""),
}
FEED: Final = "quotes"


class Day:
    """The hours of all models, sent through both replicas in turn, each hour judged before the next."""

    def __init__(self, world: World) -> None:
        self._clients = cycle(world.clients)
        now = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0)
        self._hours = iter(hours(now, NORMAL + BROKEN + MENDED))
        self.begins = now - dt.timedelta(hours=NORMAL + BROKEN + MENDED)
        self._random = Random(4)

    def goes_on(self, hours: int, *, until: Callable[[], bool], broken: bool = False) -> None:
        """Send hours of every model, at most so many, until something is so."""
        for _, hour in zip(range(hours), self._hours, strict=False):
            for model, (fault, _, _) in FAULTS.items():
                rows = hour_of(hour, self._random, fault=fault if broken else None)
                send(next(self._clients), model, hour, rows)
                good(next(self._clients).post(f"/v1/models/{model}/evaluate"))
            time.sleep(LOOK_S if broken else 1.0)
            if until():
                return


def told(call: Call) -> dict[str, Any]:
    """The one alert of a call."""
    (alert,) = call.alerts
    return alert


def line(client: httpx.Client, critical: object) -> None:
    """Draw a model's critical line of PSI, or take it away."""
    document = {"statistic": "psi", "feature": "amount", "warning": None, "critical": critical}
    good(client.put("/v1/models/rates/thresholds", json=document))


def once(pager: Pager, models: Sequence[str]) -> None:
    """Each of these models was paged about once, and once told well again."""
    for model in models:
        assert [call.status for call in pager.calls if call.path == "/page" and call.about(model)] == [
            "firing",
            "resolved",
        ], [call for call in pager.calls if call.about(model)]


def test_incidents(world: World) -> None:
    """A null storm, a unit change, a stopped feed and a drawn line page once each, and are resolved once each."""
    pager, day = world.pager, Day(world)
    first, second = world.clients
    for model in FAULTS:
        make(first, model, until=day.begins)
    make_live(second, FEED)
    with ExitStack() as stack:
        feed = stack.enter_context(Live(world.clients, FEED).running())
        for turn in ("+2d", "-2d", "+0"):
            world.turn(turn)
            day.goes_on(NORMAL // 3, until=lambda: False)
        assert [call for call in pager.calls if call.path == "/page"] == []

        feed.flows.clear()
        line(second, {"mode": "fixed", "value": 1e-9})
        day.goes_on(2, broken=True, until=lambda: False)
        world.upgrade(1, "0.0.1")
        day.goes_on(BROKEN, broken=True, until=lambda: all(pager.of(model) for model in FAULTS))
        for model in (*FAULTS, FEED):
            pager.wait(model, "firing")

        feed.flows.set()
        line(first, None)
        day.goes_on(MENDED, until=lambda: "drift_incident" not in first.get("/metrics").text)
        for model in (*FAULTS, FEED):
            pager.wait(model, "resolved")
    once(pager, (*FAULTS, FEED))
    for model, (_, feature, cause) in FAULTS.items():
        alert = told(pager.of(model)[0])
        said = alert["annotations"]
        assert alert["labels"]["severity"] == "critical"
        assert (alert["labels"]["model"], alert["labels"]["feature"]) == (model, feature)
        assert cause in said["description"]
        explained = httpx.get(said["evidence"], timeout=60)
        assert good(explained)["feature"] == feature
    silent = told(pager.of(FEED)[0])
    assert silent["labels"]["alertname"] == "DriftgaugeFeedSilent"
    assert good(httpx.get(silent["annotations"]["evidence"], timeout=60))["model"] == FEED
    assert world.prometheus.broken() == []


def test_postgres_away(world: World) -> None:
    """Without Postgres the scores stay on the page, which says that it is away; a short outage wakes nobody."""
    before, (first, _) = len(world.pager.calls), world.clients
    shown = {line for line in first.get("/metrics").text.splitlines() if line.startswith("drift_") and "loans" in line}
    assert shown
    world.cluster.stop("immediate")
    try:
        world.prometheus.until("count(driftgauge_database_up == 0) == 2")
        for client in world.clients:
            answer = client.get("/metrics")
            assert answer.status_code == 200
            assert set(answer.text.splitlines()) >= shown
    finally:
        world.cluster.start()
    world.prometheus.until("count(driftgauge_database_up == 1) == 2")
    until(lambda: all(client.get("/readyz").status_code == 200 for client in world.clients), what="readiness")
    calls = [call for call in world.pager.calls[before:] if call.path == "/page" and not call.about(FEED)]
    assert calls == []
