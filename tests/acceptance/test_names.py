"""Names of models, versions, features and batches: lawful ones come back identical, others are refused."""

import json
from typing import Final
from urllib.parse import quote

import pytest
from prometheus_client.parser import text_string_to_metric_families

from acceptance import bodies
from acceptance.streams import recent
from acceptance.world import Model, World, good, now_us, problem

ROWS: Final = bodies.as_rows([{"x": value} for value in range(50)])
UNLAWFUL: Final = (
    *("\n", "a\nb", "tab\t", "\0", "a\u202eb", "\u2066a", "\x7f", "\x85"),
    *("e\u0301", "x" * 257, "\u00e9" * 129, ".", ".."),
)
LAWFUL: Final = (
    *("a/b", "a//b", "/", "50%", "%2F", "a b", 'quo"te', "back\\slash", "it's", "\U0001f600", "\u00e9" * 128),
    *("x" * 256, "a?b", "a#b", "a:predict", "v1:x", "...", "; drop table model", "{model}", "<b>", "\u65e5\u672c"),
    *("a&b=c", "+", "null", "a\\nb", "\u0645\u0631\u062d\u0628\u0627", "O'Brien; --", "$(id)", "%n%s", "undefined"),
)


@pytest.fixture(scope="module")
def model(request: pytest.FixtureRequest) -> Model:
    """A model with a baseline, which no refused name may change."""
    model = World(request.getfixturevalue("service"), prefix="names").model()
    model.baseline(ROWS)
    return model


@pytest.mark.parametrize("name", UNLAWFUL)
def test_unlawful_names(model: Model, name: str) -> None:
    """A name out of bounds is refused as model, version, batch id, baseline column and declared feature."""
    escaped = "".join(f"%{byte:02X}" for byte in name.encode())
    problem(model.client.put(f"/v1/models/{escaped}", json={}), 422)
    problem(model.batch(ROWS, version=name), 422)
    problem(model.client.put(f"{model.path}/batches/{escaped}", content=ROWS), 422)
    problem(model.client.post(f"{model.path}/baselines", content=bodies.as_rows([{name: 1}])), 422)
    problem(model.client.put(model.path, json={"features": {name: {"kind": "numeric"}}}), 422)
    assert not model.windows()
    assert list(model.read_baseline()["features"]) == ["x"]


@pytest.mark.parametrize("name", UNLAWFUL)
def test_unlawful_keys(model: Model, name: str) -> None:
    """In a row such a key is an ignored feature, and costs the row nothing."""
    receipt = good(model.batch(bodies.as_rows([{"timestamp": 0, name: 1}, {"timestamp": 0, name: 2, "y": 1}])))
    assert receipt["ignored_features"]["count"] == 2
    assert receipt["rows"]["late"] == 2


@pytest.mark.parametrize("name", LAWFUL)
def test_lawful_names(world: World, name: str) -> None:
    """Every lawful name comes back identical as model, feature, version and batch id, on /metrics too."""
    path = f"/v1/models/{quote(name, safe='')}"
    good(world.client.put(path, json={}))
    try:
        model, start = Model(world.service, name), recent(now_us())
        model.baseline(bodies.as_rows([{name: value} for value in range(50)]))
        assert list(model.read_baseline()["features"]) == [name]
        rows = bodies.as_rows([{"timestamp": start, name: value} for value in range(40)])
        batch_id = name if len(name.encode()) <= 128 else "short"
        assert good(model.batch(rows, batch_id=batch_id, version=name))["batch_id"] == batch_id
        assert good(model.client.get(f"{path}/batches/{quote(batch_id, safe='')}"))["rows"]["accepted"] == 40
        assert {key[0] for key in model.counts()} == {name}
        model.evaluate()
        assert {score["feature"] for score in model.scores(feature=name)} == {name}
        families = text_string_to_metric_families(world.client.get("/metrics").text)
        labels = [sample.labels for family in families if family.name == "drift_score" for sample in family.samples]
        assert {"model": name, "version": name, "feature": name, "statistic": "psi"} in labels
        listed = json.dumps(good(world.client.get("/v1/models")), ensure_ascii=False)
        assert json.dumps(name, ensure_ascii=False) in listed
    finally:
        assert world.client.delete(path).is_success
    problem(world.client.get(path), 404, "unknown-model")


def test_deleted_model(world: World) -> None:
    """A removed model leaves /metrics and the list, and its name starts empty again."""
    model = world.model()
    model.baseline(ROWS)
    good(model.batch(bodies.as_rows([{"timestamp": recent(now_us()), "x": 1}])))
    assert model.client.delete(model.path).is_success
    assert model.name not in world.client.get("/v1/models").text
    problem(model.batch(ROWS), 404, "unknown-model")
    model.put()
    problem(model.batch(ROWS), 409, "no-baseline")
    model.baseline(ROWS)
    assert not model.windows()
