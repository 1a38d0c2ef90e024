"""From stored scores to the drift series."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
from sqlalchemy import Engine, event

from app.drift.context import HOUR_US
from app.monitor.evaluate import fold_all
from app.monitor.gauges import SHORTEST_SILENCE_US, outdated, publish
from app.monitor.judgements import give
from app.monitor.thresholds import put
from app.storage import episodes, models
from app.storage.episodes import Episode
from monitor.desk import AUTHOR, MONDAY, Desk
from monitor.lived import deliver, drawn, nulls


def series(desk: Desk) -> dict[str, str]:
    """What a scrape gives, by series."""
    text = desk.service.page.render("", "")[0].decode()
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """What is asked of the database meanwhile."""
    seen: list[str] = []

    def note(*call: Any) -> None:
        seen.append(call[2])

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def test_a_page_is_never_older_than_the_one_before(small: Desk) -> None:
    """Who waits for its turn to publish reads what is there when its turn comes."""
    service = small.service
    publish(service)
    name = 'drift_alert_budget_pages_per_month{model="m"}'
    assert float(series(small)[name]) == 1
    waiting = threading.Thread(target=publish, args=(service,))
    with service.publishing:
        waiting.start()
        with service.database.transaction() as conn:
            model = models.find(conn, "m")
            assert model is not None
            config = {**model.config, "alert_budget": {"pages_per_month": 7.0}}
            models.change(conn, model, config=config, features=model.features)
        assert float(series(small)[name]) == 1
    waiting.join()
    assert float(series(small)[name]) == 7


def test_another_model_costs_one_statement(desk: Desk) -> None:
    """Only a model's newest scores are asked for by themselves; everything else is read for all models at once."""
    asked: list[int] = []
    for number in range(4):
        desk.name = f"m{number}"
        desk.configure(window="1h")
        desk.reference(desk.write("x,colour\n1,red\n2,red\n3,blue\n"))
        desk.at(MONDAY + 1).rows([{"x": 1, "colour": "red"}] * 40, batch=desk.name)
        desk.at(MONDAY + HOUR_US).evaluate()
        publish(desk.service)
        with statements(desk.service.database.engine) as seen:
            publish(desk.service)
        asked.append(len(seen))
    assert 'drift_window_rows{model="m0",version="default"}' in series(desk)
    assert [after - before for before, after in pairwise(asked)] == [1, 1, 1]


def test_life_of_a_version(small: Desk) -> None:
    """First only when its last row came, then the window, its rows and its lines; the model's end ends them all."""
    small.at(MONDAY + 1).rows([{"x": 1, "colour": "red"}] * 40)
    publish(small.service)
    arm = 'model="m",version="default"'
    assert f"drift_window_rows{{{arm}}}" not in series(small)
    assert float(series(small)[f"drift_last_row_timestamp_seconds{{{arm}}}"]) == (MONDAY + 1) / 1e6
    small.at(MONDAY + HOUR_US).evaluate()
    document = {"statistic": "js", "feature": "x", "version": None, "warning": None}
    put(small.service, "m", document | {"critical": {"mode": "fixed", "value": 0.125}}, author=AUTHOR)
    shown = series(small)
    assert float(shown[f"drift_window_rows{{{arm}}}"]) == 40
    assert float(shown[f"drift_window_end_timestamp_seconds{{{arm}}}"]) == (MONDAY + HOUR_US) / 1e6
    assert float(shown[f'drift_feature_mean{{{arm},feature="x"}}']) == 1
    assert float(shown[f'drift_score_threshold{{{arm},feature="x",statistic="js",severity="critical"}}']) == 0.125
    assert f'drift_score_threshold{{{arm},feature="colour",statistic="js",severity="critical"}}' not in shown


def test_a_mean_is_shown_of_a_few_rows_too(small: Desk) -> None:
    """Of the newest window that has one; a window without any value leaves the last one."""
    means = []
    sent: list[list[dict[str, object]]] = [[{"x": 2}] * 40, [{"x": 3}, {"x": 4}], [{"colour": "red"}] * 5]
    for hour, rows in enumerate(sent):
        small.at(MONDAY + hour * HOUR_US + 1).rows(rows, batch=f"b{hour}")
        small.at(MONDAY + (hour + 1) * HOUR_US).evaluate()
        publish(small.service)
        means.append(float(series(small)['drift_feature_mean{model="m",version="default",feature="x"}']))
    assert means == [2, 3.5, 2]


def test_a_feed_that_goes_on_is_not_shown_as_quiet(small: Desk) -> None:
    """The page is drawn anew when its last row grows old although newer ones came, and not for every row."""
    service = small.service
    silence = float(max(3 * HOUR_US, SHORTEST_SILENCE_US))

    def later(us: float) -> bool:
        small.at(MONDAY + int(us)).rows([{"x": 1, "colour": "red"}], f"b{us}")
        fold_all(service, small.watched.id)
        with service.database.snapshot() as conn:
            return outdated(service, conn)

    assert later(1)
    publish(service)
    assert not later(0.1 * silence)
    assert later(0.1 * silence + 2)
    publish(service)
    assert not later(0.1 * silence + 3)


def test_a_retired_version_leaves(small: Desk) -> None:
    """A week after its last row a version is shown no more while another goes on; the last one stays for ever."""
    small.at(MONDAY + 1).rows([{"x": 1}], "old", version="v1")
    name = 'drift_last_row_timestamp_seconds{model="m",version="v1"}'
    for days, shown in ((6, True), (8, False)):
        small.at(MONDAY + days * 24 * HOUR_US).rows([{"x": 1}], f"new {days}", version="v2")
        publish(small.service)
        assert (name in series(small)) is shown
    small.at(MONDAY + 90 * 24 * HOUR_US)
    publish(small.service)
    assert name.replace("v1", "v2") in series(small)


def test_the_budget_counts_incidents(small: Desk) -> None:
    """Two features that break together are one page, another version's are another, and last month's are none."""
    now_us, day_us = small.service.now_us(), 24 * HOUR_US

    def episode(feature: str, version: str, age_days: int) -> Episode:
        start_us = now_us - age_days * day_us
        name = f"{feature} {version} {age_days}"
        end_us = start_us + HOUR_US
        return Episode(name, version, feature, "evidence", "critical", start_us, end_us, 9.0, "mix", name, [])

    with small.service.database.transaction() as conn:
        model = models.find(conn, "m")
        assert model is not None
        for version, ages in (("default", (1, 40)), ("canary", (2, 10))):
            found = [episode(feature, version, age) for age in ages for feature in ("x", "colour")]
            episodes.replace(conn, model.id, version, episodes=found, since_us=0)
    publish(small.service)
    assert float(series(small)['drift_alert_budget_spent_pages{model="m"}']) == 3


def paged(desk: Desk) -> dict[str, int]:
    """How many series of each kind page somebody about x."""
    shown = [name for name in series(desk) if 'feature="x"' in name]
    critical = [one for one in shown if 'severity="critical"' in one and 'statistic="evidence"' in one]
    kinds = ("drift_incident_start_timestamp_seconds", "drift_episode_info", "drift_score_threshold")
    return {kind: sum(one.startswith(kind) for one in (shown if "incident" in kind else critical)) for kind in kinds}


def test_normal_ends_the_page(learnt: Desk) -> None:
    """What a person calls normal while it goes on pages no longer, is scored on, and pages again as a failure."""
    deliver(learnt, nulls(learnt, drawn(learnt, 12), 2, 12), 0, 12, batch="storm")
    learnt.evaluate()
    publish(learnt.service)
    assert paged(learnt) == dict.fromkeys(paged(learnt), 1)
    found = {one.statistic: one for one in learnt.episodes()}
    assert {(one.feature, one.end_us) for one in found.values()} == {("x", None)}
    assert len(found) > 1

    def say(verdict: str) -> None:
        give(learnt.service, "m", found["evidence"].id, verdict=verdict, note=None, author=AUTHOR)

    say("normal")
    assert paged(learnt) == dict.fromkeys(paged(learnt), 0)
    assert not any("drift_episode_info" in name for name in series(learnt))
    name = 'drift_score{model="m",version="default",feature="x",statistic="evidence"}'
    assert float(series(learnt)[name]) > 1
    assert [one.end_us for one in learnt.episodes()] == [None] * len(found)
    say("failure")
    assert paged(learnt) == dict.fromkeys(paged(learnt), 1)


def test_a_split_of_traffic_is_no_page(learnt: Desk) -> None:
    """How many rows a version has pages nobody while another one has some; alone with as many it does."""

    def volume() -> dict[str, str]:
        publish(learnt.service)
        return {name: value for name, value in series(learnt).items() if 'statistic="volume"' in name}

    name = 'drift_incident_start_timestamp_seconds{model="m",version="%s",feature="",statistic="volume"}'
    whole, many = drawn(learnt, 12), [drawn(learnt, 12, seed=seed) for seed in range(3, 8)]
    canary = {name: np.sum([one[name] for one in many], axis=0) for name in whole}
    deliver(learnt, canary, 0, 12, batch="canary", version="canary")
    learnt.evaluate()
    assert name % "canary" in volume()
    deliver(learnt, whole, 0, 12, batch="whole")
    learnt.evaluate()
    assert name % "canary" not in volume()
    named = 'feature="",statistic="volume",severity="%s",cause="volume"'
    told = [one for one in volume() if one.startswith("drift_episode_info")]
    assert [named % "warning" in one for one in told] == [True]
    assert float(series(learnt)['drift_alert_budget_spent_pages{model="m"}']) == 0
