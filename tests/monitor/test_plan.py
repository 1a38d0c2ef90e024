"""Two ways of reading posted counts: at once, and word by word."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drift.baseline import Baseline, BinnedFeature
from app.drift.bins import NumericBins
from app.drift.categories import CategoricalBins
from app.drift.columns import Kind, Role
from app.errors import Refused
from app.monitor.plan import Plan
from app.monitor.posted import counts_of
from app.wire.windows import LARGEST_COUNT, read_posting

NUMERIC = NumericBins.between(np.array([1.0, 2.0]), np.empty(0))
CATEGORICAL = CategoricalBins(("a",), np.empty(0, np.uint64), known_exact=True)
FEATURES = (
    BinnedFeature("x", Kind.NUMERIC, Role.FEATURE, NUMERIC, means=np.array([0.5, np.nan, 4.0])),
    BinnedFeature("c", Kind.CATEGORICAL, Role.FEATURE, CATEGORICAL),
    BinnedFeature("y", Kind.NUMERIC, Role.FEATURE, NUMERIC),
)
SIZES = {feature.name: feature.bins.size for feature in FEATURES}
BASELINE = Baseline.of(FEATURES, np.zeros(sum(SIZES.values()), np.int64), 0)
ROWS = 3


@st.composite
def lists(draw: st.DrawFn, size: int) -> list[object]:
    """Counts that mostly sum to the rows, with the odd mistake."""
    held: list[Any] = [0] * size
    for _ in range(draw(st.sampled_from([ROWS, ROWS, ROWS, ROWS - 1]))):
        held[draw(st.integers(0, size - 1))] += 1
    odd = draw(st.sampled_from([None] * 8 + [-1, 1.0, 1.5, True, "1", 10**16]))
    if odd is not None:
        held[draw(st.integers(0, size - 1))] = odd
    return held[: draw(st.sampled_from([size] * 8 + [size - 1]))]


@st.composite
def windows(draw: st.DrawFn) -> dict[str, object]:
    """The features of one window in any order, some left out, some unknown."""
    names = draw(st.permutations([*SIZES, "odd"]))
    kept = names[: draw(st.integers(0, len(names)))]
    return {name: {"counts": draw(lists(SIZES.get(name, 4)))} for name in kept}


@given(windows())
def test_both_ways_give_the_same(features: dict[str, Any]) -> None:
    """What is read at once is what is read word by word; what is refused has to go the slow way."""
    window = {"start": "2026-01-01T00:00:00Z", "rows": ROWS, "features": features}
    posting = read_posting(json.dumps({"baseline": 1, "windows": [window]}).encode())
    quick = None if posting is None else Plan.of(BASELINE).counts(ROWS, posting.windows[0].features)
    try:
        slow = counts_of(BASELINE, "/windows/0", rows=ROWS, features=features)
    except Refused:
        assert quick is None
        return
    assert quick is None or quick.tolist() == slow.tolist()
    odd = features.get("odd", {"counts": []})["counts"]
    lawful = all(type(one) is int and 0 <= one <= LARGEST_COUNT for one in odd)
    assert quick is not None or not lawful


def test_sums_by_hand() -> None:
    """Each row counts as the baseline's mean of its bin; a bin without a mean as 0, and so a categorical feature."""
    counts = np.zeros(BASELINE.total, np.int64)
    counts[:3] = [2, 5, 1]
    assert Plan.of(BASELINE).sums(counts).tolist() == [2 * 0.5 + 4.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"baseline":1}', b'{"baseline":1,"windows":[{"rows":NaN}]}', b"\xff"]
)
def test_what_is_no_posting(body: bytes) -> None:
    """Anything else is left to the reader that says what is wrong."""
    assert read_posting(body) is None
