"""Lines are read, set, inherited and removed, and each change is on the very next scrape."""

from typing import Any, Final

import pytest

from acceptance import bodies
from acceptance.streams import recent
from acceptance.world import Model, World, good, now_us, problem

SOURCES: Final = {"feature", "model", "default"}
FIELDS: Final = {"statistic", "feature", "version", "severity", "mode", "value", "p", "source"}


@pytest.fixture
def model(world: World) -> Model:
    """A model with two features and one evaluated window."""
    model, start = world.model(), recent(now_us())
    model.baseline(bodies.as_rows([{"x": value, "y": value % 5} for value in range(200)]))
    rows = [{"timestamp": start, "x": value * 1.5, "y": value % 3} for value in range(120)]
    good(model.batch(bodies.as_rows(rows)))
    model.evaluate()
    return model


def read(model: Model) -> list[dict[str, Any]]:
    """Every effective threshold."""
    found: list[dict[str, Any]] = good(model.client.get(f"{model.path}/thresholds"))
    return found


def put(model: Model, **threshold: object) -> Any:
    """Set a threshold."""
    return good(model.client.put(f"{model.path}/thresholds", json=threshold))


def fixed(value: float) -> dict[str, object]:
    """A line that does not move."""
    return {"mode": "fixed", "value": value}


def lines(world: World, model: Model, feature: str, statistic: str = "psi") -> dict[str, float]:
    """The lines of a series on /metrics by severity."""
    return {
        key[2]: value
        for key, value in world.metrics(model).items()
        if key[0] == "drift_score_threshold" and key[1] == feature and key[3:] == (statistic, "default")
    }


def test_shape(model: Model) -> None:
    """The read is a list of complete entries."""
    entries = read(model)
    assert entries
    for entry in entries:
        assert entry.keys() >= FIELDS
        assert entry["source"] in SOURCES
        assert entry["severity"] in {"warning", "critical"}


def test_feature_over_model_over_default(world: World, model: Model) -> None:
    """A feature's own line wins over the model's, that over the default; deleting each falls back."""
    before, default = read(model), lines(world, model, "x")
    put(model, statistic="psi", feature=None, version=None, warning=fixed(0.07), critical=fixed(0.5))
    assert lines(world, model, "x") == lines(world, model, "y") == {"warning": 0.07, "critical": 0.5}
    put(model, statistic="psi", feature="x", version=None, warning=None, critical=fixed(0.375))
    assert lines(world, model, "x") == {"critical": 0.375}
    assert lines(world, model, "y") == {"warning": 0.07, "critical": 0.5}
    own = [e for e in read(model) if e["statistic"] == "psi" and e["feature"] == "x" and e["severity"] == "critical"]
    assert [(e["mode"], e["value"], e["source"]) for e in own] == [("fixed", 0.375, "feature")]
    score = next(s for s in model.scores(feature="x", statistic="psi"))
    assert score["threshold"] == {"warning": None, "critical": 0.375}
    path = f"{model.path}/thresholds"
    assert model.client.delete(path, params={"statistic": "psi", "feature": "x"}).is_success
    assert lines(world, model, "x") == {"warning": 0.07, "critical": 0.5}
    assert model.client.delete(path, params={"statistic": "psi"}).is_success
    assert lines(world, model, "x") == default
    assert read(model) == before


def test_survives_evaluation(world: World, model: Model) -> None:
    """A line that was set stays through the next evaluation, and the feature's status follows it."""
    value = next(s["value"] for s in model.scores(feature="x", statistic="psi"))
    put(model, statistic="psi", feature="x", version=None, warning=fixed(value / 4), critical=fixed(value / 2))
    model.evaluate()
    assert lines(world, model, "x") == {"warning": value / 4, "critical": value / 2}


def test_one_version(world: World, model: Model) -> None:
    """A line of one version leaves the others alone."""
    default = lines(world, model, "x")
    put(model, statistic="psi", feature="x", version="canary", warning=fixed(0.01), critical=None)
    assert lines(world, model, "x") == default
    put(model, statistic="psi", feature="x", version="default", warning=fixed(0.02), critical=None)
    assert lines(world, model, "x") == {"warning": 0.02}


def test_audited(model: Model) -> None:
    """Every change of a line leaves an entry that names the model."""
    before = len(_audit(model))
    put(model, statistic="ks", feature="x", version=None, warning=fixed(0.1), critical=fixed(0.2))
    model.client.delete(f"{model.path}/thresholds", params={"statistic": "ks", "feature": "x"})
    assert len(_audit(model)) == before + 2


def _audit(model: Model) -> list[Any]:
    return [entry for entry in good(model.client.get("/v1/audit")) if model.name in str(entry)]


@pytest.mark.parametrize(
    "change",
    [
        {"statistic": "psy", "warning": fixed(0.1), "critical": None},
        {"statistic": "psi", "warning": {"mode": "fixd", "value": 0.1}, "critical": None},
        {"statistic": "psi", "warning": {"mode": "fixed", "value": "much"}, "critical": None},
        {"statistic": "psi", "feature": 3, "warning": fixed(0.1), "critical": None},
        {"warning": fixed(0.1)},
        [],
    ],
)
def test_unlawful(model: Model, change: object) -> None:
    """A change that cannot be meant is refused and changes nothing."""
    before = read(model)
    problem(model.client.put(f"{model.path}/thresholds", json=change), 422)
    assert read(model) == before
