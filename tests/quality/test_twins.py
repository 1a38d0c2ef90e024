"""How one value arrives in several formats, and what a derived suite makes of it."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drift.baseline import Baseline, BinnedFeature
from app.drift.bins import NumericBins
from app.drift.columns import Kind, Role
from app.quality.abroad import abroad
from app.quality.derive import derive
from app.quality.suite import Expectation, Suite
from app.quality.twins import readings, spread, typed


@given(st.floats(allow_nan=False, width=32), st.integers(9, 17))
def test_a_single_and_its_decimals_are_one_number(value: float, digits: int) -> None:
    """Whichever of them a baseline saw, all lie in the same spread, of no width where all are alike."""
    low, high = spread(value)
    assert low <= value <= high
    if np.isfinite(value) and not float(value).is_integer() and abs(value) > 1e-37:
        decimals = float(str(np.float32(value))), float(f"{value:.{digits}g}")
        assert (low < high) == (decimals[0] != value)
        for decimal in decimals:
            assert low <= decimal <= high
            assert spread(decimal) == (low, high)
    else:
        assert low == pytest.approx(value)


def test_a_spread_is_half_a_step_of_singles_to_either_side() -> None:
    """By hand: three tenths as a single is 10066330 / 2**25, and its neighbours are 2**-25 away."""
    assert spread(0.3) == ((10066330 - 0.5) / 2**25, (10066330 + 0.5) / 2**25)
    assert spread(0.3) == spread(0.30000001192092896) == spread(0.300000011920929) == spread(0.3000000119)
    assert spread(-0.3) == (-spread(0.3)[1], -spread(0.3)[0])
    for own in (16_777_217.0, 1e300, 1e-300, 3.5e38, 0.0, float("inf")):
        assert spread(own) == (own, own)


def test_whole_categories_are_read_with_and_without_a_fraction() -> None:
    """What is written so comes first, and nothing else is made alike."""
    assert readings(["1", "2.0", "007", "x", "1.5"]) == {
        "1": "1", "2.0": "2.0", "007": "007", "x": "x", "1.5": "1.5", "1.0": "1", "2": "2.0",
    }  # fmt: skip
    assert readings(["1", "1.0"]) == {"1": "1", "1.0": "1.0"}
    assert readings([1, 2.0, True]) == {"1": 1, "2": 2.0, "true": True, "1.0": 1, "2.0": 2.0}


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1), ("-3.0", -3), ("1.5", 1.5), ("true", True), ("007", None), ("1e5", None), ("a", None)]
)
def test_text_that_may_stand_for_a_number(text: str, value: object) -> None:
    """Numbers as people write them, and the two truth values."""
    assert typed(text) == value
    assert type(typed(text)) is type(value)


def test_an_exported_suite_holds_numbers_where_all_categories_are_some() -> None:
    """Sets in both forms, partitions as numbers; where one category is none, all stay text."""
    weights = [0.5, 0.5]
    for values, sets, partition in (
        (["1", "2"], [1, 2, "1", "2"], [1, 2]),
        (["1", "b"], ["1", "b"], ["1", "b"]),
        (["1", "1.0"], ["1", "1.0"], ["1", "1.0"]),
    ):
        suite = Suite(
            "s",
            (
                Expectation("expect_column_values_to_be_in_set", {"column": "c", "value_set": values}),
                Expectation(
                    "expect_column_kl_divergence_to_be_less_than",
                    {"column": "c", "partition_object": {"values": values, "weights": weights}, "threshold": 0.1},
                ),
            ),
        )
        first, second = abroad(suite).expectations
        assert first.kwargs["value_set"] == sets
        assert second.kwargs["partition_object"] == {"values": partition, "weights": weights}
        json.dumps(abroad(suite).document(), allow_nan=False)


@pytest.mark.parametrize("seen", [0.3, 0.30000001192092896, 0.300000012])
def test_a_value_stays_on_its_side_of_every_edge(seen: float) -> None:
    """A derived suite takes a heavy value for the same in a column of singles and in text."""
    bins = NumericBins.between(np.array([0.0, seen, 2.5]), np.array([0.0, seen]))
    counts = np.zeros(bins.size, np.int64)
    values = np.repeat([0.0, seen, 2.0, 3.0], [50, 900, 40, 10])
    np.add.at(counts, bins.index(values), 1)
    baseline = Baseline.of([BinnedFeature("fee", Kind.NUMERIC, Role.FEATURE, bins)], counts, int(counts.sum()))
    suite = derive(baseline, [np.tile(counts, (10, 1))], name="s")
    found: dict[str, Any] = {one.type: one.kwargs for one in suite.expectations}
    edges = np.array(found["expect_column_kl_divergence_to_be_less_than"]["partition_object"]["bins"])

    def place(value: float) -> int:
        return int(np.searchsorted(edges[:-1], value, side="right")) + int(value > edges[-1])

    assert place(0.3) == place(0.30000001192092896) == place(0.300000011920929) == place(0.300000012)
    assert place(0.3) != place(0.2999)
    assert place(0.3) != place(0.3001)
