"""Calibrated lines stand where the calibrated p-value crosses the probability asked for, window by window."""

import pytest

from acceptance.weeks import FEATURES, based, changed, during, sent, weeks
from acceptance.weeks import at as moment_of
from acceptance.world import HOUR, Model, World, good

WINDOW = 3 * HOUR


@pytest.fixture
def model(world: World) -> Model:
    """A calibrated model with a bad day, evaluated."""
    model = based(world.model(window="3h"), weeks(1, 0, 5, window=WINDOW))
    moved = changed("delay", lambda values: values + 9)
    sent(model, [during(weeks(2, 5, 2, window=WINDOW), moment_of(6, 3), moment_of(6, 4), moved)])
    model.evaluate()
    return model


def put(model: Model, statistic: str, p: float) -> None:
    """Draw the warning line of all features at a probability."""
    line = {"statistic": statistic, "warning": {"mode": "calibrated", "p": p}}
    good(model.client.put(f"{model.path}/thresholds", json=line))


@pytest.mark.parametrize("statistic", ["psi", "ks"])
def test_lines_move_with_p(world: World, model: Model, statistic: str) -> None:
    """A score is above its line exactly where its p is below the line's, by default 0.01, and after a change."""
    last: dict[str, float] = {}
    for p in (0.01, 0.001, 0.2):
        if p != 0.01:
            put(model, statistic, p)
            model.evaluate()
        shown = world.metrics(model)
        rows = model.scores(statistic=statistic)
        above = 0
        for row in rows:
            line = row["threshold"]["warning"]
            assert line > 0
            above += row["value"] > line
            if abs(row["p_value"] / p - 1) > 1e-6:
                assert (row["value"] > line) == (row["p_value"] < p), row
        assert above < len(rows)
        assert above > 0 or p == 0.001
        for name in FEATURES:
            mine = [row["threshold"]["warning"] for row in rows if row["feature"] == name]
            if mine:
                assert len(set(mine)) > 1, "the line moves with the window"
                assert shown["drift_score_threshold", name, "warning", statistic, "default"] == mine[-1]
                if name in last:
                    assert (mine[-1] > last[name]) == (p == 0.001)
                last[name] = mine[-1]
