"""Baselines from every source: bins as the contract lays them, kinds as it infers them, switches at boundaries."""

import itertools
import json
from random import Random
from typing import Any, Final

import pytest

from acceptance import bodies
from acceptance.bodies import LOOSE, TYPED
from acceptance.oracle import FINITE_KINDS
from acceptance.streams import clean, recent
from acceptance.world import HOUR, Model, World, good, iso, now_us, problem

NUMERIC_TAIL: Final = ["null", "nan", "neg_inf", "pos_inf", "invalid"]


def kinds(model: Model, number: int = 1) -> dict[str, str]:
    """The kind of each published feature."""
    return {name: one["kind"] for name, one in model.read_baseline(number)["features"].items()}


def test_shape_of_bins(world: World) -> None:
    """Finite bins ascend without hole or overlap, reserved ones follow, groups and labels are complete."""
    model = world.model()
    made = model.baseline(bodies.as_array(clean(Random(1), 3000, start=recent(now_us()))))
    read = model.read_baseline()
    assert (made["baseline"], made["rows"], made["status"]) == (1, 3000, "active") == (1, 3000, read["status"])
    for name, feature in read["features"].items():
        bins = feature["bins"]
        assert made["features"][name]["kind"] == feature["kind"]
        assert made["features"][name]["bins"] == len(bins)
        assert sum(one["count"] for one in bins) == 3000
        assert all(isinstance(one["count"], int) and one["label"] for one in bins)
        assert len({one["label"] for one in bins}) == len(bins)
        finite = [one for one in bins if one["kind"] in FINITE_KINDS]
        if feature["kind"] == "numeric":
            assert [one["kind"] for one in bins[len(finite) :]] == NUMERIC_TAIL
            _check_edges(finite)
            _check_groups(bins, finite)
        else:
            words = [one for one in bins if one["kind"] == "category"]
            rest = [one["kind"] for one in bins[len(words) :]]
            assert rest == ["null", *["other"] * 16, "unseen", "invalid"]
            assert [one["bucket"] for one in bins if one["kind"] == "other"] == list(range(16))
            assert len(words) <= 50
            assert feature["other_hash"] == {"name": "xxh64", "seed": 0, "buckets": 16}
            assert len({one["group"] for one in bins}) == len(bins)


def _check_edges(finite: list[dict[str, Any]]) -> None:
    ranges = [one for one in finite if one["kind"] == "range"]
    assert ranges[0]["lower"] is None
    assert ranges[-1]["upper"] is None
    edges = [(one["value"], one["value"]) if one["kind"] == "value" else (one["lower"], one["upper"]) for one in finite]
    for (_, upper), (lower, _) in itertools.pairwise(edges):
        assert upper == lower
    for one, (lower, upper) in zip(finite, edges, strict=True):
        assert (one["mean"] is None) == (one["count"] == 0)
        assert lower is None or one["mean"] is None or lower <= one["mean"]
        assert upper is None or one["mean"] is None or one["mean"] <= upper


def _check_groups(bins: list[dict[str, Any]], finite: list[dict[str, Any]]) -> None:
    groups, total, before = [one["group"] for one in bins], sum(one["count"] for one in finite), 0
    assert len(set(groups[len(finite) :])) == len(bins) - len(finite)
    assert not set(groups[len(finite) :]) & set(groups[: len(finite)])
    if len(finite) <= 10:
        assert len(set(groups)) == len(groups)
        return
    wanted = []
    for one in finite:
        wanted.append(min(9, 10 * (2 * before + one["count"]) // (2 * total)))
        before += one["count"]
    assert groups[: len(finite)] == wanted


@pytest.mark.parametrize("form", [*LOOSE, *TYPED])
def test_every_format(world: World, form: str) -> None:
    """The same rows make the same baseline whatever the format, compressed or not."""
    rows = [{k: v for k, v in row.items() if k != "word"} for row in clean(Random(2), 1200, start=recent(now_us()))]
    content_type, encode = (LOOSE | TYPED)[form]
    first, second = world.model("-json"), world.model("-other")
    first.baseline(bodies.as_array(rows))
    made = second.baseline(bodies.zipped(encode(rows)), content_type)
    assert made["rows"] == 1200
    ours, theirs = first.read_baseline()["features"], second.read_baseline()["features"]
    assert _means(theirs) == pytest.approx(_means(ours), rel=1e-12)
    assert theirs == ours


def _means(features: dict[str, Any]) -> dict[tuple[str, int], float]:
    """Take the means out of a read; their last digits may follow the order in which chunks are summed."""
    bins = {(name, i): one for name, feature in features.items() for i, one in enumerate(feature["bins"])}
    found = {key: one.pop("mean", None) for key, one in bins.items()}
    return {key: mean for key, mean in found.items() if mean is not None}


def test_read_posted_back(world: World) -> None:
    """A baseline's read is a lawful baseline with the same bins and counts, of this and of another model."""
    first, second = world.model("-a"), world.model("-b")
    first.baseline(bodies.as_array(clean(Random(3), 1500, start=recent(now_us()))))
    read = first.read_baseline()
    second.baseline(json.dumps(read).encode())
    again = second.read_baseline()["features"]
    assert {n: f["bins"] for n, f in again.items()} == {n: f["bins"] for n, f in read["features"].items()}
    assert kinds(first) == kinds(second)
    bare = {"kind", "lower", "upper", "value", "bucket", "mean", "count"}
    for feature in read["features"].values():
        feature["bins"] = [{k: v for k, v in one.items() if k in bare} for one in feature["bins"]]
        feature["bins"] = [one for one in feature["bins"] if one["kind"] not in NUMERIC_TAIL or one["count"]]
    first.baseline(json.dumps({"features": read["features"]}).encode())
    third = first.read_baseline(2)["features"]
    assert {n: f["bins"] for n, f in third.items()} == {n: f["bins"] for n, f in again.items()}


def test_partition_objects(world: World) -> None:
    """Great Expectations partition objects come in with rounded counts, and go out as weights that sum to one."""
    model = world.model()
    numbers = {"bins": [0.0, 1.0, 2.5, 4.0], "weights": [0.2, 0.3, 0.1], "tail_weights": [0.15, 0.25]}
    words = {"values": ["a", "b", "c"], "weights": [0.5, 0.3, 0.2]}
    features = {
        "x": {"kind": "numeric", "rows": 1000, "partition": numbers},
        "c": {"kind": "categorical", "rows": 1000, "partition": words},
    }
    model.baseline(json.dumps({"features": features}).encode())
    read = model.read_baseline()["features"]
    finite = [(one["lower"], one["upper"], one["count"]) for one in read["x"]["bins"] if one["kind"] == "range"]
    assert finite == [(None, 0, 150), (0, 1, 200), (1, 2.5, 300), (2.5, 4, 100), (4, None, 250)]
    held = {one["value"]: one["count"] for one in read["c"]["bins"] if one["kind"] == "category"}
    assert held == {"a": 500, "b": 300, "c": 200}
    out = model.read_baseline(format="gx")["features"]
    assert out["x"]["partition"]["bins"] == numbers["bins"]
    for name, source in (("x", numbers), ("c", words)):
        for key in source.keys() & {"weights", "tail_weights"}:
            assert out[name]["partition"][key] == pytest.approx(source[key], abs=1e-12)
    assert dict(zip(out["c"]["partition"]["values"], out["c"]["partition"]["weights"], strict=True))["a"] == 0.5
    model.baseline(json.dumps({"features": out}).encode())
    assert model.read_baseline(2)["features"] == read


def span(lower: float | None, upper: float | None, count: object = 5) -> dict[str, object]:
    """A range bin."""
    return {"kind": "range", "lower": lower, "upper": upper, "count": count}


@pytest.mark.parametrize(
    "bins",
    [
        *([span(None, 1, -5), span(1, None)], [span(None, 1, 0.5), span(1, None)], [span(None, 1, "5"), span(1, None)]),
        *([span(None, 1), span(2, None)], [span(None, 2), span(1, None)], [span(0, 1), span(1, None)], [span(None, 1)]),
        *(
            [span(1, None), span(None, 1)],
            [{"kind": "rang", "count": 1}],
            [span(None, None), {"kind": "value", "count": 1}],
        ),
        [span(None, 1), *[{"kind": "value", "value": 1, "count": 2}] * 2, span(1, None)],
        [{"kind": "range", "lower": None, "upper": None}],
        "no list",
    ],
)
def test_unlawful_histograms(world: World, bins: object) -> None:
    """Histograms that are no partition or hold no counts are refused, and no baseline is made."""
    model = world.model()
    content = json.dumps({"features": {"x": {"kind": "numeric", "bins": bins}}}).encode()
    answer = model.client.post(f"{model.path}/baselines", content=content)
    problem(answer, 422)
    words = [{"kind": "category", "value": "a", "count": 1}] * 2
    content = json.dumps({"features": {"c": {"kind": "categorical", "bins": words}}}).encode()
    problem(model.client.post(f"{model.path}/baselines", content=content), 422)
    assert good(model.client.get(f"{model.path}/baselines")) == []


@pytest.mark.parametrize(
    "change",
    [
        *({"rows": 11}, {"rows": -1}, {"rows": 1.5}, {"start": "soon"}, {"start": None}),
        *({"features": {"x": {"counts": [10]}}}, {"features": {"x": {"counts": "10"}}}, {"features": {"x": {}}}),
        {"features": {"x": {"counts": [-1, 11, 0, 0, 0, 0, 0]}}},
    ],
)
def test_unlawful_windows(world: World, change: dict[str, object]) -> None:
    """Posted window histograms that do not add up, or start off a boundary, are refused."""
    model, start = world.model(), recent(now_us())
    model.baseline(
        json.dumps({"features": {"x": {"kind": "numeric", "bins": [span(None, 1), span(1, None)]}}}).encode()
    )
    window = {"start": iso(start), "rows": 10, "features": {"x": {"counts": [4, 6, 0, 0, 0, 0, 0]}}}
    problem(model.histograms([window | change]), 422)
    problem(model.histograms([window | {"start": iso(start + 1)}]), 422)
    assert not model.windows()
    good(model.histograms([window]))
    good(model.histograms([{"start": iso(start), "rows": 3, "features": {}}]))
    assert model.counts() == {("default", start): {"x": [4, 6, 3, 0, 0, 0, 0]}}


def test_from_windows(world: World) -> None:
    """Promoted windows give a baseline whose counts are the sum of theirs."""
    model, start = world.model(), recent(now_us())
    values = [float(value % 37) for value in range(500)]
    model.baseline(bodies.as_array([{"x": value} for value in values]))
    rows = [{"timestamp": start + (i % 3) * HOUR, "x": value} for i, value in enumerate(values)]
    good(model.batch(bodies.as_array(rows)))
    stored = model.counts()
    asked = {"from": iso(start), "to": iso(start + 2 * HOUR), "version": "default"}
    made = good(model.client.post(f"{model.path}/baselines/from-windows", json=asked))
    counts = [one["count"] for one in model.read_baseline(made["baseline"])["features"]["x"]["bins"]]
    both = (stored[("default", start)]["x"], stored[("default", start + HOUR)]["x"])
    assert counts == [a + b for a, b in zip(*both, strict=True)]
    assert made["rows"] == sum(counts) == 334
    assert model.counts() == stored


def test_activation_at_a_boundary(world: World) -> None:
    """A second baseline holds only for windows that start after it was activated; the first holds for the rest."""
    model = world.model(future_tolerance="4h")
    model.baseline(bodies.as_array([{"x": value} for value in range(100)]))
    made = model.baseline(bodies.as_array([{"x": value + 1000} for value in range(100)]), activate="false")
    assert made["status"] != "active"
    now = now_us()
    good(model.batch(bodies.as_array([{"timestamp": now + 3 * HOUR, "x": 1}])))
    assert good(model.client.post(f"{model.path}/baselines/2/activate"))
    rows = [{"timestamp": now + hours * HOUR, "x": 1} for hours in (-5, 0, 2)]
    good(model.batch(bodies.as_array(rows)))
    used = []
    for moment in (now - 5 * HOUR, now, now + 2 * HOUR):
        path = f"{model.path}/windows/{iso(moment // HOUR * HOUR)}/histograms"
        used.append(good(model.client.get(path))["baseline"])
    assert used == [1, 1, 2]
    listed = {one["baseline"]: one["status"] for one in good(model.client.get(f"{model.path}/baselines"))}
    assert listed.keys() == {1, 2}
    problem(model.client.post(f"{model.path}/baselines/9/activate"), 404)
