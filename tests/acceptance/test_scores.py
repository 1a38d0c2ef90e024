"""Scores equal their definitions, on posted histograms and on real rows, in the read and on the scrape."""

import math
from random import Random
from typing import Any, Final

import pytest

from acceptance import bodies, distances
from acceptance.oracle import Feature
from acceptance.streams import clean, recent
from acceptance.world import HOUR, Model, World, good, iso, micros, now_us, one

SHARES: Final = {"null_ratio": "null", "unseen_ratio": "unseen", "invalid_ratio": "invalid"}


@pytest.fixture
def scored(world: World) -> Model:
    """A model with two versions and four evaluated windows of shifted rows."""
    random, start = Random(5), recent(now_us())
    model = world.model()
    model.baseline(bodies.as_rows(clean(random, 2500, start=start)))
    for version, shift in (("default", 0.3), ("canary", 0.0)):
        rows: list[dict[str, Any]] = clean(random, 1200, start=start, shift=shift)
        rows += [{**row, "city": "Atlantis", "score": "broken"} for row in clean(random, 40, start=start)]
        good(model.batch(bodies.as_rows(rows), version=version))
    model.evaluate()
    return model


def expected(model: Model) -> dict[tuple[str, int, str, str], Any]:
    """Every score by definition, from the published bins and the stored counts."""
    found: dict[tuple[str, int, str, str], Any] = {}
    published = model.read_baseline()["features"]
    for (version, start), features in model.counts().items():
        for name, current in features.items():
            bins = published[name]["bins"]
            reference, key = [b["count"] for b in bins], (version, start, name)
            found[(*key, "psi")] = distances.psi(bins, reference, current)
            found[(*key, "js")] = distances.js(reference, current)
            found[(*key, "tvd")] = distances.tvd(reference, current)
            if published[name]["kind"] == "numeric":
                scale = published[name]["scale"]
                found[(*key, "wasserstein")] = distances.wasserstein(bins, reference, current, scale=scale)
                found[(*key, "ks")] = distances.ks(bins, reference, current)
            for statistic, kind in SHARES.items():
                if any(b["kind"] == kind for b in bins):
                    found[(*key, statistic)] = distances.share(bins, current, kind)
        found[(version, start, "", "volume")] = float(sum(current))
    return found


def test_definitions(scored: Model) -> None:
    """Every score of every feature, window and version equals its definition within 1e-9."""
    wanted = expected(scored)
    seen = set()
    for score in scored.scores():
        key = (score["version"], micros(score["window_start"]), score["feature"] or "", score["statistic"])
        if score["statistic"] == "ks":
            low, high = wanted[key]
            assert score["value"] == score["low"] == pytest.approx(low, abs=1e-9)
            assert score["high"] == pytest.approx(high, abs=1e-9)
        elif wanted.get(key) is not None:
            assert score["value"] == pytest.approx(wanted[key], rel=1e-9, abs=1e-9), key
        seen.add(key)
    constant = {key for key, value in wanted.items() if value is None}
    missing = wanted.keys() - seen - constant
    assert not missing
    assert sum(key[3] == "wasserstein" and value is not None for key, value in wanted.items()) >= 16
    assert max(wanted[key] for key in wanted if key[3] == "invalid_ratio") > 0
    assert max(wanted[key] for key in wanted if key[3] == "unseen_ratio") > 0


def test_ks_of_the_raw_rows(world: World) -> None:
    """The distance of the raw rows lies inside the published interval, for continuous, heavy and integer features."""
    random, start, model = Random(6), recent(now_us()), world.model()
    reference, rows = clean(random, 2000, start=start), clean(random, 900, start=start, hours=1, shift=0.3)
    model.baseline(bodies.as_rows(reference))
    good(model.batch(bodies.as_rows(rows)))
    model.evaluate()
    for name in ("amount", "score", "count", "age"):
        sides = [[row[name] for row in side if math.isfinite(row[name] or 0)] for side in (reference, rows)]
        exact = distances.exact_ks(*([float(v) for v in side if v is not None] for side in sides))
        score = one(model.scores(), name, "ks")
        assert score["low"] - 1e-12 <= exact <= score["high"] + 1e-12, name
        assert score["high"] - score["low"] <= 0.02 + 0.03


def test_ks_p_values(scored: Model) -> None:
    """The p-value of KS is Kolmogorov's, at or below the one that ignores the bins, never under the corrected one."""
    published, counts = scored.read_baseline()["features"], scored.counts()
    for score in scored.scores(statistic="ks"):
        bins = published[score["feature"]]["bins"]
        current = counts[(score["version"], micros(score["window_start"]))][score["feature"]]
        bounds = distances.ks_p(bins, [b["count"] for b in bins], current)
        assert bounds is not None
        assert bounds[0] * (1 - 1e-9) - 1e-300 <= score["p_value"] <= bounds[1] * (1 + 1e-9)


def test_same_digits(scored: Model) -> None:
    """Evaluating again, whole or in part, changes no digit."""
    before = scored.scores()
    assert before
    assert scored.evaluate()["windows"] >= 8
    scored.evaluate(**{"from": before[0]["window_start"]})
    assert scored.scores() == before


def test_order_and_filters(scored: Model) -> None:
    """Scores are ordered by start, version, feature and statistic, and every filter keeps exactly its rows."""
    scores = scored.scores()
    keys = [(micros(s["window_start"]), s["version"], s["feature"] or "", s["statistic"]) for s in scores]
    assert keys == sorted(keys)
    assert len(keys) == len(set(keys))
    assert scored.scores(feature="age") == [s for s in scores if s["feature"] == "age"]
    assert scored.scores(statistic="psi", version="canary") == [
        s for s in scores if s["statistic"] == "psi" and s["version"] == "canary"
    ]
    second = sorted({key[0] for key in keys})[1]
    span = {"from": iso(second), "to": iso(second + HOUR)}
    assert scored.scores(**span) == [s for s in scores if micros(s["window_start"]) == second]
    assert [w["start"] for w in scored.windows(**span)] == [iso(second)] * 2 or len(scored.windows(**span)) == 2
    assert {window["status"] for window in scored.windows()} == {"scored"}


def test_metrics_equal_scores(world: World, scored: Model) -> None:
    """The gauges hold the last evaluated window's scores, to the last digit, and its rows and times."""
    scores, metrics = scored.scores(), world.metrics(scored)
    for version in ("default", "canary"):
        mine = [s for s in scores if s["version"] == version]
        last = max(micros(s["window_start"]) for s in mine)
        latest = [s for s in mine if micros(s["window_start"]) == last and s["value"] is not None]
        for score in latest:
            assert metrics[("drift_score", score["feature"] or "", score["statistic"], version)] == score["value"]
            for severity, line in score["threshold"].items():
                key = ("drift_score_threshold", score["feature"] or "", severity, score["statistic"], version)
                assert metrics.get(key) == line
        gauges = [key for key in metrics if key[0] == "drift_score" and key[3] == version]
        assert len(gauges) == len(latest)
        assert metrics[("drift_window_start_timestamp_seconds", version)] == last / 10**6
        assert metrics[("drift_window_end_timestamp_seconds", version)] == (last + HOUR) / 10**6
        assert (
            metrics[("drift_window_rows", version)] == one(latest, latest[0]["feature"], latest[0]["statistic"])["rows"]
        )


def test_means_on_metrics(world: World) -> None:
    """The mean gauge is the mean of the finite values of the last evaluated window."""
    model, start = world.model(features={"x": {"kind": "numeric"}}), recent(now_us())
    model.baseline(bodies.as_rows([{"x": value} for value in range(100)]))
    rows = [{"timestamp": start + 1, "x": value} for value in [*range(40), None, "bad", float("nan"), float("inf")]]
    good(model.batch(bodies.as_rows(rows)))
    model.evaluate()
    assert world.metrics(model)[("drift_feature_mean", "x", "default")] == pytest.approx(19.5, abs=1e-12)


@pytest.mark.parametrize(("rows", "enough"), [(1, False), (29, False), (30, True)])
def test_few_rows(world: World, rows: int, enough: bool) -> None:  # noqa: FBT001
    """Under thirty rows a window's scores have no value and no gauge; without a calibration a feature is not judged."""
    model, start = world.model(), recent(now_us())
    model.baseline(bodies.as_rows([{"x": value} for value in range(100)]))
    good(model.batch(bodies.as_rows([{"timestamp": start, "x": value} for value in range(rows)])))
    model.evaluate()
    scores = model.scores(feature="x")
    assert scores
    for score in scores:
        assert score["rows"] == rows
        assert (score["value"] is not None) is enough
        assert (score["status"] == "insufficient_rows") is not enough
    metrics = world.metrics(model)
    assert metrics[("drift_feature_scored", "x", "default")] == 0
    assert any(key[0] == "drift_score" and key[1] == "x" for key in metrics) is enough


def test_late_rows_rescore(world: World) -> None:
    """Rows that arrive after a window was scored change its score as if they had come in time."""
    model, start = world.model(), recent(now_us())
    model.baseline(bodies.as_rows([{"x": value} for value in range(100)]))
    features = [Feature("x", "numeric", model.read_baseline()["features"]["x"]["bins"])]
    for values in (range(50), range(40, 120)):
        good(model.batch(bodies.as_rows([{"timestamp": start, "x": value} for value in values])))
        model.evaluate()
    current = next(iter(model.counts().values()))["x"]
    assert sum(current) == 130
    value = distances.psi(features[0].bins, [b["count"] for b in features[0].bins], current)
    assert one(model.scores(), "x", "psi")["value"] == pytest.approx(value, abs=1e-9)
