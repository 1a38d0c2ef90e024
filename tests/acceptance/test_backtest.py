"""A backtest tells what the live evaluation stored, and what other settings would have stored."""

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pytest

from acceptance.strict import checked
from acceptance.weeks import FEATURES, at, based, changed, during, episodes, sent, thinned, weeks
from acceptance.world import HOUR, Model, World, good, iso, micros
from service import Service

WINDOW: Final = 3 * HOUR
REFERENCE: Final = 5
LIVE: Final = 4
SPANS: Final = ("start", "end", "version", "statistic", "severity", "peak", "cause", "top_bins")


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """Four weeks with a moved feature, a thin day and a feature that stays broken."""
    found = weeks(4, REFERENCE, LIVE, window=WINDOW, rows=60)
    found = during(found, at(6, 1), at(6, 3), changed("delay", lambda values: values + 20))
    found = during(found, at(7, 1), at(7, 3), thinned(2))
    return during(found, at(8, 3), at(9), changed("amount", lambda values: values * 1.5))


def watched(world: World, table: pa.Table) -> Model:
    """A model that has evaluated them."""
    model = based(world.model(window="3h"), weeks(1, 0, REFERENCE, window=WINDOW, rows=60))
    sent(model, [table])
    model.evaluate()
    return model


@pytest.fixture(scope="module")
def model(service: Service, table: pa.Table) -> Model:
    """One such model for all tests that only read."""
    return watched(World(service, prefix="backtest"), table)


def backtest(model: Model, **asked: object) -> dict[str, Any]:
    """Ask what would have alerted."""
    found: dict[str, Any] = good(model.client.post(f"{model.path}/backtest", json=asked))
    return found


def live(model: Model) -> dict[str, list[dict[str, Any]]]:
    """The stored episodes of each feature, as a backtest writes them."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in (*FEATURES, "")}
    for one in episodes(model):
        found[one["feature"] or ""].append({name: one[name] for name in SPANS})
    return {name: ordered(mine) for name, mine in found.items()}


def ordered(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Episodes in one order, the promised fields only."""
    some = [{name: one[name] for name in SPANS} for one in found]
    return sorted(some, key=lambda one: (one["start"], one["statistic"]))


def told(answer: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The episodes of each feature of a backtest."""
    return {name: ordered(one["episodes"]) for name, one in answer["features"].items()}


def judged(model: Model, feature: str) -> list[int]:
    """Starts of the windows in which a feature was judged."""
    rows = model.scores(feature=feature, statistic="evidence")
    return [micros(row["window_start"]) for row in rows if row["value"] is not None]


def in_alarm(starts: Sequence[int], spans: Sequence[Mapping[str, Any]]) -> float:
    """Share of windows that lie in an episode."""
    ends = [(micros(one["start"]), None if one["end"] is None else micros(one["end"])) for one in spans]
    inside = [any(a <= start and (b is None or start < b) for a, b in ends) for start in starts]
    return sum(inside) / len(inside)


def test_settings_in_force(model: Model) -> None:
    """It gives the stored episodes to the last digit, and counts that follow from them and from the scores."""
    wanted = live(model)
    assert wanted["delay"]
    assert wanted["amount"]
    same: tuple[dict[str, object], ...] = ({}, {"alert_budget": None, "thresholds": None}, {"thresholds": []})
    for asked in same:
        answer = backtest(model, **asked)
        assert told(answer) == wanted
    for name in FEATURES:
        mine, starts = answer["features"][name], judged(model, name)
        assert mine["windows"] == len(starts)
        assert mine["firings"] == len(mine["episodes"])
        assert mine["time_in_alarm"] == pytest.approx(in_alarm(starts, mine["episodes"]), abs=1e-12)
    assert answer["expected_pages_per_month"] == 1
    assert answer["observed_pages_per_month"] > 0


def test_range(model: Model) -> None:
    """With a range it gives the episodes that begin in it, as the whole run has them."""
    whole = told(backtest(model))
    cuts = [at(5), at(6, 2), at(7, 2), at(9)]
    for low, high in itertools.pairwise(cuts):
        part = told(backtest(model, **{"from": iso(low), "to": iso(high)}))
        for name in FEATURES:
            wanted = [one["start"] for one in whole[name] if low <= micros(one["start"]) < high]
            assert [one["start"] for one in part[name]] == wanted


def test_reference_itself(model: Model) -> None:
    """The windows of the baseline can be replayed too, each judged by the others."""
    answer = backtest(model, **{"from": iso(at(0)), "to": iso(at(REFERENCE))})
    held = REFERENCE * 56
    for name in FEATURES:
        assert 0.9 * held <= answer["features"][name]["windows"] <= held
        assert answer["features"][name]["episodes"] == []


def test_fixed_threshold(model: Model) -> None:
    """A fixed PSI line opens at every scored window above it and closes at the first that is not."""
    line = {"statistic": "psi", "critical": {"mode": "fixed", "value": 0.2}}
    answer = backtest(model, thresholds=[line])
    seen = 0
    for name in FEATURES:
        rows = [row for row in model.scores(feature=name, statistic="psi") if row["value"] is not None]
        wanted: list[dict[str, Any]] = []
        running: dict[str, Any] | None = None
        for row in rows:
            above = row["value"] > 0.2
            if running is None and above:
                running = {"start": row["window_start"], "end": None, "peak": row["value"]}
                wanted.append(running)
            elif running is not None and not above:
                running["end"] = row["window_start"]
                running = None
            elif running is not None:
                running["peak"] = max(running["peak"], row["value"])
        mine = [one for one in told(answer)[name] if one["statistic"] == "psi"]
        assert [{key: one[key] for key in ("start", "end", "peak")} for one in mine] == wanted
        seen += len(wanted)
    assert seen > 3


def test_other_budget(world: World, table: pa.Table) -> None:
    """What it tells of another budget is what live stores once the budget is that."""
    model = watched(world, table)
    for pages in (0.01, 50):
        answer = backtest(model, alert_budget={"pages_per_month": pages})
        assert answer["expected_pages_per_month"] == pages
        good(model.client.put(f"{model.path}/alert-budget", json={"pages_per_month": pages}))
        model.evaluate()
        assert told(answer) == live(model)


def test_nothing_changes(world: World, model: Model) -> None:
    """No read is different after backtests."""
    paths = ("", "/scores", "/episodes", "/thresholds", "/status", "/windows")

    def reads() -> tuple[object, ...]:
        audit = model.client.get("/v1/audit").text
        series = {key: value for key, value in world.metrics(model).items() if key[0].startswith("drift_")}
        return [model.client.get(model.path + path).text for path in paths], audit, series

    before = reads()
    backtest(model, alert_budget={"pages_per_month": 100})
    backtest(model, thresholds=[{"statistic": "tvd", "feature": "city", "critical": {"mode": "fixed", "value": 0.0}}])
    assert reads() == before
    checked(model)


def test_the_command_line_tells_of_days(model: Model) -> None:
    """`backtest` and `status` take `--window`; a length that no windows have is refused by name."""
    told = model.service.run("backtest", "--model", model.name, "--window", "1d")
    assert told.returncode == 0, told.stderr
    assert [line.split()[3] for line in told.stdout.splitlines() if line.startswith("\u2502 delay")] == ["27"]
    shown = model.service.run("status", "--model", model.name, "--window", "1d")
    document = json.loads(shown.stdout)
    assert document["window"] == "1d"
    rolled = good(model.client.get(f"{model.path}/status"))["versions"]["default"]["rollups"]["1d"]
    assert document["versions"] == {"default": rolled}
    refused = model.service.run("backtest", "--model", model.name, "--window", "2d")
    assert refused.returncode != 0
    assert "3h, 1d, 1w" in refused.stderr
