"""Posted histograms score as printed in the sources of each statistic."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest

from acceptance.oracle import FINITE_KINDS
from acceptance.streams import recent
from acceptance.world import World, good, iso, now_us, one

PUBLISHED: Final[Mapping[str, tuple[Sequence[int], Sequence[int], Mapping[str, float]]]] = {
    "r": (
        (248, 247, 260, 245),
        (13, 43, 63, 81),
        {
            "psi": 0.34045922250874594,
            "ks": 0.215,
            "js": 0.040349349653348514,
            "tvd": 0.215,
            "wasserstein": 0.558,
        },
    ),
    "scouter documented": ((1000, 1500, 1200, 1300), (800, 1400, 1600, 1200), {"psi": 0.034921019431920636}),
    "scouter tested": ((300, 400, 300), (200, 400, 400), {"psi": 0.06931471805599454}),
    "geeksforgeeks": ((400, 300, 300), (350, 250, 400), {"psi": 0.04456085471610198}),
    "zero bin": ((100, 200, 300, 400, 0), (10, 30, 20, 35, 5), {"psi": 0.3157255154592695}),
}


def ladder(counts: Sequence[int]) -> list[dict[str, Any]]:
    """Ranges around the numbers 0, 1, 2, ... whose means are those numbers."""
    last = len(counts) - 1
    return [
        {
            "kind": "range",
            "lower": None if i == 0 else i - 0.5,
            "upper": None if i == last else i + 0.5,
            "mean": float(i),
            "count": count,
        }
        for i, count in enumerate(counts)
    ]


def rungs(counts: Sequence[int]) -> list[dict[str, Any]]:
    """A category for each count."""
    return [{"kind": "category", "value": f"c{i}", "count": count} for i, count in enumerate(counts)]


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_values(world: World, name: str) -> None:
    """Posted histograms score as printed in the sources, as numbers and as categories."""
    reference, current, printed = PUBLISHED[name]
    model = world.model()
    features = {
        "n": {"kind": "numeric", "role": "feature", "scale": 1.0, "bins": ladder(reference)},
        "c": {"kind": "categorical", "role": "feature", "bins": rungs(reference)},
    }
    model.baseline(json.dumps({"features": features}).encode())
    read = model.read_baseline()["features"]
    counts = {}
    for feature, kinds in (("n", FINITE_KINDS), ("c", {"category"})):
        held = iter(current)
        counts[feature] = {"counts": [next(held) if b["kind"] in kinds else 0 for b in read[feature]["bins"]]}
    start = recent(now_us())
    good(model.histograms([{"start": iso(start), "rows": sum(current), "features": counts}]))
    model.evaluate()
    scores = model.scores()
    for statistic, value in printed.items():
        assert one(scores, "n", statistic)["value"] == pytest.approx(value, abs=1e-9)
    for statistic in printed.keys() & {"psi", "js", "tvd"}:
        assert one(scores, "c", statistic)["value"] == pytest.approx(printed[statistic], abs=1e-9)
    assert not [score for score in scores if score["feature"] == "c" and score["statistic"] in {"ks", "wasserstein"}]
