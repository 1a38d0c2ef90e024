"""Ready histograms and partition objects."""

import json
import math
from typing import Any

import numpy as np
import pytest

from app.drift.baseline import Baseline
from app.drift.columns import CategoricalColumn, Column, Kind, NumericColumn, Role
from app.drift.fit import Fit
from app.errors import Refused
from app.wire.partition import gx, published, read_histograms

ROWS = 1000
Spec = dict[str, Any]


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    """Fit every sort of feature: with a spike, constant, empty, with many categories and with few."""
    rng = np.random.default_rng(3)
    spiked = np.round(rng.normal(size=ROWS), 1)
    spiked[:300] = 0.5
    columns: dict[str, tuple[Kind, Column]] = {
        "spiked": (Kind.NUMERIC, NumericColumn(spiked, np.array([1] * 9 + [2] + [0] * 990, np.uint8))),
        "constant": (Kind.NUMERIC, NumericColumn(np.zeros(ROWS))),
        "empty": (Kind.NUMERIC, NumericColumn(np.zeros(ROWS), np.ones(ROWS, np.uint8))),
        "special": (Kind.NUMERIC, NumericColumn(np.array([np.nan, np.inf, -np.inf, 1.0] * 250))),
        "many": (Kind.CATEGORICAL, CategoricalColumn(rng.integers(-1, 99, ROWS).astype(np.int32), words(99))),
        "few": (Kind.CATEGORICAL, CategoricalColumn(rng.integers(0, 3, ROWS).astype(np.int32), words(3))),
    }
    fit = Fit([(name, kind, Role.FEATURE) for name, (kind, _) in columns.items()])
    rows = {name: column for name, (_, column) in columns.items()}
    fit.add(rows, ROWS)
    tally = fit.freeze()
    tally.add(rows, np.zeros(ROWS, np.int64), 1)
    return tally.finish()


def words(count: int) -> tuple[str, ...]:
    """Make so many categories."""
    return tuple(f"c{n}" for n in range(count))


def feature(spec: Spec) -> dict[str, Any]:
    """Read one feature and publish it again."""
    found: dict[str, Any] = published(read_histograms({"features": {"x": spec}}))["x"]
    return found


def edge(lower: float | None, upper: float | None, count: float) -> Spec:
    """Write a range."""
    return {"kind": "range", "lower": lower, "upper": upper, "count": count}


def numeric(*bins: Spec) -> Spec:
    """Write a numeric feature."""
    return {"kind": "numeric", "bins": list(bins)}


def categorical(*bins: Spec) -> Spec:
    """Write a categorical feature."""
    return {"kind": "categorical", "bins": list(bins)}


def test_a_read_posted_back(baseline: Baseline) -> None:
    """A baseline's read, posted back through JSON, gives the same bins and counts."""
    read = json.loads(json.dumps({"baseline": 1, "status": "active", "features": published(baseline)}))
    again = published(read_histograms(read))
    assert {name: spec["bins"] for name, spec in again.items()} == {
        name: spec["bins"] for name, spec in published(baseline).items()
    }
    assert [spec.get("scale") for spec in again.values()] == [
        spec.get("scale") for spec in published(baseline).values()
    ]


def test_shape_of_a_read(baseline: Baseline) -> None:
    """Bins come in published order with all that is needed to recount them."""
    read = published(baseline)
    assert read["many"]["other_hash"] == {"name": "xxh64", "seed": 0, "buckets": 16}
    assert read["many"]["known"] == {"count": 49, "exact": True}
    assert [bin_["kind"] for bin_ in read["constant"]["bins"]][:4] == ["range", "value", "range", "null"]
    assert read["constant"]["bins"][1] == {
        "label": "= 0",
        "kind": "value",
        "lower": None,
        "upper": None,
        "value": 0.0,
        "bucket": None,
        "group": 1,
        "mean": 0.0,
        "count": 1000,
    }
    assert all(sum(bin_["count"] for bin_ in spec["bins"]) == ROWS for spec in read.values())


def test_what_is_missing_is_filled_in(baseline: Baseline) -> None:
    """Label, group, mean, scale, role and empty reserved bins need not be posted."""
    wanted = ("kind", "lower", "upper", "value", "bucket", "count")
    own = ("range", "value", "category")
    bare = {
        name: {
            "kind": spec["kind"],
            "bins": [
                {key: bin_[key] for key in wanted if bin_[key] is not None}
                for bin_ in spec["bins"]
                if bin_["count"] or bin_["kind"] in own
            ],
        }
        for name, spec in published(baseline).items()
    }
    again = published(read_histograms({"features": bare}))
    for name, spec in published(baseline).items():
        kept = [(bin_["label"], bin_["group"], bin_["count"]) for bin_ in spec["bins"]]
        assert [(bin_["label"], bin_["group"], bin_["count"]) for bin_ in again[name]["bins"]] == kept
    assert again["spiked"]["scale"] == pytest.approx(published(baseline)["spiked"]["scale"], rel=0.3)


def test_unnamed_categories_are_never_called_unseen() -> None:
    """A read does not hold the hashes of unnamed categories: with any of them, nothing is unseen."""
    other = {"kind": "other", "bucket": 3, "count": 5}
    assert feature(categorical({"kind": "category", "value": "a", "count": 5}, other))["known"]["exact"] is False
    assert feature(categorical({"kind": "category", "value": "a", "count": 5}))["known"] == {"count": 0, "exact": True}


def test_partition_objects_by_hand() -> None:
    """Counts are weights times rows, the tails are the open ends."""
    spec = {
        "kind": "numeric",
        "rows": 1000,
        "partition": {"bins": [0, 1, 2], "weights": [0.25, 0.6], "tail_weights": [0.1, 0.05]},
    }
    bins = feature(spec)["bins"][:4]
    assert [(bin_["lower"], bin_["upper"], bin_["count"]) for bin_ in bins] == [
        (None, 0.0, 100),
        (0.0, 1.0, 250),
        (1.0, 2.0, 600),
        (2.0, None, 50),
    ]
    named = {"kind": "categorical", "rows": 10, "partition": {"values": ["a", 1], "weights": [0.3, 0.7]}}
    assert [(bin_["value"], bin_["count"]) for bin_ in feature(named)["bins"][:2]] == [("a", 3), ("1", 7)]


def test_rounding_keeps_the_rows() -> None:
    """What rounding leaves over goes to the largest bin."""
    spec = {"kind": "categorical", "rows": 100, "partition": {"values": ["a", "b", "c"], "weights": [1 / 3] * 3}}
    assert [bin_["count"] for bin_ in feature(spec)["bins"][:3]] == [34, 33, 33]


def test_partition_objects_there_and_back(baseline: Baseline) -> None:
    """Partition objects posted back give the same partition objects; their weights sum to 1."""
    objects = gx(baseline)
    again = gx(read_histograms(json.loads(json.dumps({"features": objects}))))
    assert again == {**objects, "many": again["many"]}
    for spec in objects.values():
        partition = spec["partition"]
        assert sum(partition["weights"]) + sum(partition.get("tail_weights", [])) == pytest.approx(1)
        assert len(partition.get("bins", range(len(partition["weights"]) + 1))) == len(partition["weights"]) + 1


TWO = (edge(None, 0, 1), edge(0, None, 1))


@pytest.mark.parametrize(
    ("spec", "code", "pointer"),
    [
        (numeric(edge(None, 0, -1), TWO[1]), "unlawful-count", "/bins/0/count"),
        (numeric(edge(None, 0, 1.5), TWO[1]), "unlawful-count", "/bins/0/count"),
        (numeric(edge(None, 0, math.nan), TWO[1]), "unlawful-count", "/bins/0/count"),
        (numeric(edge(None, 0, 10**15 + 1), TWO[1]), "unlawful-count", "/bins/0/count"),
        (numeric({**TWO[0], "count": True}, TWO[1]), "unlawful-count", "/bins/0/count"),
        (numeric({**TWO[0], "count": "1"}, TWO[1]), "unlawful-count", "/bins/0/count"),
        (numeric({"kind": "range", "upper": 0}, TWO[1]), "unlawful-count", "/bins/0/count"),
        (numeric(), "unlawful-bins", "/bins"),
        (numeric(TWO[0]), "unlawful-bins", "/bins"),
        (numeric(TWO[1]), "unlawful-bins", "/bins"),
        (numeric(edge(None, 1, 1), TWO[1]), "unlawful-bins", "/bins"),
        (numeric(edge(None, -1, 1), TWO[1]), "unlawful-bins", "/bins"),
        (numeric(TWO[0], edge(0, 0, 1), TWO[1]), "unlawful-bins", "/bins"),
        (numeric(edge(None, math.inf, 1), TWO[1]), "unlawful-bins", "/bins/0/upper"),
        (numeric(TWO[0], *[{"kind": "value", "value": 0, "count": 1}] * 2, TWO[1]), "unlawful-bins", "/bins"),
        (numeric(*TWO, {"kind": "value", "value": None, "count": 1}), "unlawful-bins", "/bins/2/value"),
        (numeric(*TWO, *[{"kind": "null", "count": 1}] * 2), "unlawful-bins", "/bins/3"),
        (numeric(*TWO, {"kind": "unseen", "count": 1}), "unlawful-bins", "/bins/2/kind"),
        (numeric(*TWO, {"kind": ["null"], "count": 1}), "unlawful-bins", "/bins/2/kind"),
        (numeric(*[TWO[0]] * 129), "too-many-bins", "/bins"),
        (numeric(*[TWO[0]] * 10**5), "unlawful-bins", "/bins"),
        ({**numeric(*TWO), "kind": "number"}, "unlawful-kind", "/kind"),
        ({**numeric(*TWO), "role": {}}, "unlawful-role", "/role"),
        ({**numeric(*TWO), "scale": 0}, "unlawful-scale", "/scale"),
        (categorical(*[{"kind": "category", "value": "a", "count": 1}] * 2), "unlawful-bins", "/bins/1/value"),
        (categorical({"kind": "category", "value": "a" * 257, "count": 1}), "unlawful-bins", "/bins/0/value"),
        (categorical({"kind": "other", "bucket": 16, "count": 1}), "unlawful-bins", "/bins/0/bucket"),
        (categorical({"kind": "other", "count": 1}), "unlawful-bins", "/bins/0/bucket"),
        (categorical({"kind": "nan", "count": 1}), "unlawful-bins", "/bins/0/kind"),
        ({"kind": "numeric", "rows": 1, "partition": {"bins": [0], "weights": []}}, "unlawful-partition", "/partition"),
        (
            {"kind": "numeric", "rows": 1, "partition": {"bins": [1, 0], "weights": [1]}},
            "unlawful-bins",
            "/partition/bins",
        ),
        (
            {"kind": "numeric", "rows": 1, "partition": {"bins": [0, 1], "weights": [0.9]}},
            "unlawful-partition",
            "/partition",
        ),
        ({"kind": "numeric", "rows": -1, "partition": {"bins": [0, 1], "weights": [1]}}, "unlawful-count", "/rows"),
        (
            {"kind": "numeric", "rows": 1, "partition": {"bins": [0, 1], "weights": [-1]}},
            "unlawful-partition",
            "/partition/weights/0",
        ),
        (
            {"kind": "categorical", "rows": 1, "partition": {"values": ["a", "a"], "weights": [0.5, 0.5]}},
            "unlawful-bins",
            "/partition/values/1",
        ),
        (7, "unlawful-bins", ""),
    ],
)
def test_refusals(spec: Spec, code: str, pointer: str) -> None:
    """Each unlawful histogram is refused with a pointer to what is wrong."""
    with pytest.raises(Refused) as refusal:
        read_histograms({"features": {"a/b~c": spec}})
    assert (refusal.value.code, refusal.value.extra) == (code, {"pointer": f"/features/a~1b~0c{pointer}"})


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"features": []}, "unlawful-bins"),
        ({"features": {}}, "empty-baseline"),
        ({"features": {"x": numeric(edge(None, None, 0))}}, "empty-baseline"),
        ({"features": {"x": numeric(*TWO), "y": numeric(edge(None, None, 3))}}, "counts-mismatch"),
        ({"features": {" x": numeric(*TWO)}}, "unlawful-name"),
        ({"features": {str(n): numeric(*TWO) for n in range(2001)}}, "too-many-features"),
    ],
)
def test_refused_documents(document: Spec, code: str) -> None:
    """So is a document that is unlawful as a whole."""
    with pytest.raises(Refused) as refusal:
        read_histograms(document)
    assert refusal.value.code == code
