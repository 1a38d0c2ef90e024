"""Kinds are learnt from the first rows of a baseline, unless somebody declared them."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from acceptance import bodies
from acceptance.bodies import NDJSON
from acceptance.oracle import FINITE_KINDS
from acceptance.streams import recent
from acceptance.world import Model, World, good, now_us

LEARNT: Final[dict[str, tuple[list[Any], str]]] = {
    "numbers": ([1, 2.5, -3, 1e300], "numeric"),
    "numeric strings": (["1", " 2 ", "3e4", "-.5"], "numeric"),
    "booleans": ([True, False], "numeric"),
    "nine in ten": ([1] * 9 + ["N/A"], "numeric"),
    "less than nine in ten": ([1] * 89 + ["N/A"] * 11, "categorical"),
    "nulls beside": ([None] * 30 + [1] * 9 + ["x"], "numeric"),
    "all null": ([None], "numeric"),
    "words": (["a", "b"], "categorical"),
    "true words": (["true", "false"], "categorical"),
    "named infinities": (["NaN", "Infinity", "-inf", 1], "numeric"),
    "objects": ([{"a": 1}], "categorical"),
}


def published(model: Model, number: int = 1) -> dict[str, Any]:
    """The features of a baseline."""
    features: dict[str, Any] = model.read_baseline(number)["features"]
    return features


@pytest.mark.parametrize("name", LEARNT)
def test_learnt(world: World, name: str) -> None:
    """Nine in ten non-null values that are numbers, numeric strings or booleans make a numeric feature."""
    values, kind = LEARNT[name]
    model = world.model()
    made = model.baseline(bodies.as_array([{"x": value, "y": 1} for value in values * 3]))
    assert made["features"]["x"]["kind"] == kind == published(model)["x"]["kind"]
    assert good(model.client.get(model.path))["features"]["x"]["kind"] == kind


def test_first_ten_thousand_rows(world: World) -> None:
    """What comes after the first ten thousand rows changes no kind; it is counted as it is."""
    model = world.model()
    rows: list[dict[str, Any]] = [{"x": i, "c": f"word {i % 5}"} for i in range(10_000)]
    rows += [{"x": "word", "c": i} for i in range(8_000)]
    model.baseline(bodies.as_ndjson(rows), NDJSON)
    read = published(model)
    assert {name: one["kind"] for name, one in read.items()} == {"x": "numeric", "c": "categorical"}
    assert [one["count"] for one in read["x"]["bins"] if one["kind"] == "invalid"] == [8_000]
    assert sum(one["count"] for one in read["c"]["bins"] if one["kind"] == "other") >= 7_900


def test_declared(world: World) -> None:
    """A declared kind and role win over the data; a declared feature that is missing is all null."""
    features = {
        "code": {"kind": "categorical"},
        "word": {"kind": "numeric"},
        "price": {"kind": "numeric", "role": "prediction"},
        "gone": {"kind": "categorical", "role": "outcome"},
    }
    model = world.model(features=features)
    model.baseline(bodies.as_array([{"code": i % 4, "word": "w", "price": i / 7, "free": i} for i in range(200)]))
    read = published(model)
    assert {n: (f["kind"], f["role"]) for n, f in read.items()} == {
        "code": ("categorical", "feature"),
        "word": ("numeric", "feature"),
        "price": ("numeric", "prediction"),
        "gone": ("categorical", "outcome"),
        "free": ("numeric", "feature"),
    }
    assert {one["value"] for one in read["code"]["bins"] if one["kind"] == "category"} == {"0", "1", "2", "3"}
    assert sum(one["count"] for one in read["word"]["bins"] if one["kind"] == "invalid") == 200
    assert sum(one["count"] for one in read["gone"]["bins"] if one["kind"] == "null") == 200


def test_declared_later(world: World) -> None:
    """A kind declared after the first baseline holds from the next one, and the first stays as it was."""
    model, rows = world.model(), [{"code": i % 4} for i in range(100)]
    model.baseline(bodies.as_array(rows))
    before = published(model)
    model.put(features={"code": {"kind": "categorical"}})
    assert published(model) == before
    start = recent(now_us())
    good(model.batch(bodies.as_array([{"timestamp": start, "code": 2}])))
    assert sum(next(iter(model.counts().values()))["code"]) == 1
    model.baseline(bodies.as_array(rows))
    assert published(model, 2)["code"]["kind"] == "categorical"
    assert published(model) == before


def test_time_and_version_columns(world: World) -> None:
    """The time and the version column are no features, and are not reported as ignored."""
    model = world.model(time_column="when", version_column="arm")
    start = recent(now_us())
    model.baseline(bodies.as_array([{"when": start, "arm": "a", "x": i, "timestamp": 5} for i in range(50)]))
    assert set(published(model)) == {"x", "timestamp"}
    receipt = good(model.batch(bodies.as_array([{"when": start, "arm": "b", "x": 1, "new": 2}])))
    assert receipt["ignored_features"] == {"count": 1, "sample": ["new"]}
    assert [window["version"] for window in model.windows()] == ["b"]


def test_heavy_values(world: World) -> None:
    """A value that holds a fiftieth of the rows has a bin of its own, and the rest about equal ones."""
    model = world.model()
    values = [0.0] * 300 + [12.5] * 60 + [i + 0.5 for i in range(1640)]
    model.baseline(bodies.as_array([{"x": value} for value in values]))
    bins = published(model)["x"]["bins"]
    own = {one["value"]: one["count"] for one in bins if one["kind"] == "value"}
    assert own[0.0] == 300
    assert own[12.5] == 61
    ranges = [one["count"] for one in bins if one["kind"] == "range" and one["count"]]
    assert max(ranges) <= 2 * 2000 / 50
    assert len([one for one in bins if one["kind"] in FINITE_KINDS]) <= 110


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_command_line(world: World, tmp_path: Path, form: str) -> None:
    """`baseline create` makes the model and the same baseline as an upload; `batch send` counts a file once."""
    rows = [{"timestamp": recent(now_us()), "x": float(i), "c": f"w{i % 3}"} for i in range(300)]
    formats = bodies.LOOSE | bodies.TYPED
    file = tmp_path / f"rows.{form}"
    file.write_bytes(formats[form][1](rows))
    name, service = f"{world.prefix}-cli", world.service
    done = service.run("baseline", "create", str(file), "--model", name)
    assert done.returncode == 0, done.stderr
    uploaded, made = world.model(), Model(service, name)
    uploaded.baseline(formats[form][1](rows), formats[form][0])
    assert published(made) == published(uploaded)
    for _ in range(2):
        done = service.run("batch", "send", str(file), "--model", name, "--url", service.url)
        assert done.returncode == 0, done.stderr
    assert sum(window["rows"] for window in made.windows()) == 300
    listed = service.run("baseline", "list", "--model", name)
    assert listed.returncode == 0
    assert "active" in listed.stdout


def test_configuration_commands(world: World) -> None:
    """`config` prints every setting under the names of the limits call, and a wrong setting exits with 78."""
    done = world.service.run("config")
    assert done.returncode == 0
    settings, limits = json.loads(done.stdout), good(world.client.get("/v1/limits"))
    assert settings.keys() >= {"min_rows", "fold_interval", "evaluate_interval", "max_body_bytes", "ledger_retention"}
    assert limits.keys() >= {"min_rows", "max_body_bytes", "ledger_retention"}
    assert {name: settings[name] for name in limits.keys() & settings.keys()}["min_rows"] == limits["min_rows"]
    world.service.settings["DRIFTGAUGE_MIN_ROWS"] = "many"
    try:
        assert world.service.run("serve", "--port", "0", timeout=30).returncode == 78
    finally:
        del world.service.settings["DRIFTGAUGE_MIN_ROWS"]
