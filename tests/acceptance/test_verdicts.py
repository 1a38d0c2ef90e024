"""A verdict `normal` lets the windows of an episode vouch from the next Monday on, and nothing before changes."""

from typing import Any, Final

import pyarrow as pa
import pytest

from acceptance.weeks import Fault, at, based, changed, during, episodes, sent, weeks
from acceptance.world import HOUR, Model, World, good, iso, micros, problem

WINDOW: Final = 3 * HOUR
REFERENCE: Final = 5
MOVED: Final = at(6, 2)
JUDGED: Final = at(8, 3)
LAST: Final = 12


def moved() -> Fault:
    """A new normal of one feature."""
    return changed("delay", lambda values: values + 25)


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """Weeks in which a feature moves and stays there."""
    live = weeks(6, REFERENCE, LAST - REFERENCE, window=WINDOW, rows=60)
    return during(live, MOVED, at(LAST), moved())


def times(table: pa.Table) -> Any:
    """Microseconds of every row."""
    return table.column("timestamp").cast(pa.int64()).to_numpy()


def run(world: World, table: pa.Table, suffix: str, verdict: str | None) -> Model:
    """Evaluate up to the verdict, give it, and evaluate the rest."""
    model = based(world.model(suffix, window="3h"), weeks(1, 0, REFERENCE, window=WINDOW, rows=60))
    moment = times(table)
    sent(model, [table.filter(pa.array(moment < JUDGED))])
    model.evaluate()
    found = [one for one in episodes(model) if one["feature"] == "delay"]
    assert [one["end"] for one in found] == [None], found
    if verdict is not None:
        path = f"{model.path}/episodes/{found[0]['id']}/verdict"
        told = good(model.client.post(path, json={"verdict": verdict, "note": "new tariff"}))
        assert told["verdict"] == verdict
    sent(model, [table.filter(pa.array(moment >= JUDGED))])
    model.evaluate()
    return model


def test_normal(world: World, table: pa.Table) -> None:
    """With it the episode ends once the new weeks vouch; without it, or as a failure, it stays open."""
    plain, accepted, failed = (run(world, table, name, name or None) for name in ("", "normal", "failure"))
    monday = iso(at(9))
    before = {"to": monday, "feature": "delay"}
    assert accepted.scores(**before) == plain.scores(**before)
    later = {"from": monday, "feature": "delay", "statistic": "evidence"}
    first, second = accepted.scores(**later)[0], plain.scores(**later)[0]
    assert first["window_start"] == second["window_start"]
    assert first["p_value"] != second["p_value"]
    assert failed.scores() == plain.scores()
    open_ones = [one for one in episodes(plain) if one["feature"] == "delay"]
    assert [one["end"] for one in open_ones] == [None]
    (mine,) = (one for one in episodes(accepted) if one["start"] == open_ones[0]["start"])
    assert mine["id"] == open_ones[0]["id"]
    assert (mine["verdict"], mine["note"]) == ("normal", "new tariff")
    assert mine["end"] is not None
    assert at(9) <= micros(mine["end"])
    reverse = good(accepted.client.post(f"{accepted.path}/backtest", json={}))
    told = [(one["start"], one["end"], one["peak"]) for one in reverse["features"]["delay"]["episodes"]]
    assert told == [(one["start"], one["end"], one["peak"]) for one in episodes(accepted, feature="delay")]


def test_audit_and_refusals(world: World, table: pa.Table) -> None:
    """A verdict is in the audit with who it was about; an unknown one or an unknown episode is refused."""
    model = run(world, table, "", "normal")
    (one,) = (each for each in episodes(model) if each["start"] < iso(at(7)) and each["feature"] == "delay")
    entries = [entry for entry in good(model.client.get("/v1/audit")) if model.name in str(entry)]
    assert [entry for entry in entries if one["id"] in str(entry) and "normal" in str(entry)]
    path = f"{model.path}/episodes/{one['id']}/verdict"
    problem(model.client.post(path, json={"verdict": "perhaps"}), 422)
    problem(model.client.post(f"{model.path}/episodes/nothing/verdict", json={"verdict": "normal"}), 404)


def test_a_changed_mind(world: World, table: pa.Table) -> None:
    """Whatever was said in which order, a backtest afterwards tells what is stored."""
    model = run(world, table.filter(pa.array(times(table) < at(11))), "", "normal")
    (one,) = (each for each in episodes(model) if each["start"] < iso(at(7)) and each["feature"] == "delay")
    good(model.client.post(f"{model.path}/episodes/{one['id']}/verdict", json={"verdict": "failure"}))
    sent(model, [table.filter(pa.array(times(table) >= at(11)))])
    model.evaluate()
    told = good(model.client.post(f"{model.path}/backtest", json={}))["features"]["delay"]["episodes"]
    stored = [(each["start"], each["end"], each["peak"]) for each in episodes(model, feature="delay")]
    assert [(each["start"], each["end"], each["peak"]) for each in told] == stored
