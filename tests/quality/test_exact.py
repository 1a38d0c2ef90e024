"""Expectations decided on counts, against Great Expectations on the very rows."""

from typing import Any

import pytest

from app.quality.derive import derive
from app.quality.exact import decide, may_decide
from app.quality.suite import Expectation
from quality.direct import direct
from quality.dirty import CARRIERS, KINDS, baseline_of, counted, frame, rows

REFERENCE = rows(6000, seed=1)
BASELINE = baseline_of(REFERENCE)
TEXTUAL = frozenset({"carrier", "tail"})
EDGES = [float(edge) for edge in BASELINE.features[0].bins.upper[:-1]]  # type: ignore[union-attr]
PARTITION = {
    one.kwargs["column"]: one.kwargs
    for one in derive(BASELINE, [], name="s").expectations
    if one.type == "expect_column_kl_divergence_to_be_less_than"
}


def expected() -> list[tuple[str, dict[str, Any]]]:
    """Every kind of expectation that counts can decide, met and not."""
    told: list[tuple[str, dict[str, Any]]] = [
        ("expect_table_row_count_to_equal", {"value": 3000}),
        ("expect_table_row_count_to_be_between", {"min_value": 3000, "max_value": 3001}),
        ("expect_table_row_count_to_be_between", {"max_value": 3000, "strict_max": True}),
    ]
    for column in KINDS:
        told += [
            ("expect_column_values_to_not_be_null", {"column": column}),
            ("expect_column_values_to_not_be_null", {"column": column, "mostly": 0.95}),
            ("expect_column_values_to_be_null", {"column": column, "mostly": 0.01}),
            ("expect_column_proportion_of_non_null_values_to_be_between", {"column": column, "min_value": 0.97}),
        ]
    for edge in (EDGES[0], EDGES[len(EDGES) // 2], EDGES[-1]):
        for strict in (False, True):
            kwargs = {"column": "delay", "max_value": edge, "strict_max": strict, "mostly": 0.5}
            told.append(("expect_column_values_to_be_between", kwargs))
            kwargs = {"column": "delay", "min_value": edge, "strict_min": strict, "mostly": 0.5}
            told.append(("expect_column_values_to_be_between", kwargs))
    told += [
        ("expect_column_values_to_be_between", {"column": "delay", "min_value": EDGES[0], "max_value": EDGES[-1]}),
        ("expect_column_values_to_be_in_set", {"column": "carrier", "value_set": list(CARRIERS)}),
        ("expect_column_values_to_be_in_set", {"column": "carrier", "value_set": ["UA", "B6", "XX"], "mostly": 0.4}),
        ("expect_column_values_to_not_be_in_set", {"column": "carrier", "value_set": ["UA"], "mostly": 0.5}),
        ("expect_column_values_to_be_in_set", {"column": "fee", "value_set": [0, 2.5, 4], "mostly": 0.8}),
        ("expect_column_distinct_values_to_be_in_set", {"column": "carrier", "value_set": list(CARRIERS)}),
        ("expect_column_distinct_values_to_contain_set", {"column": "carrier", "value_set": ["UA", "DL"]}),
        ("expect_column_distinct_values_to_contain_set", {"column": "carrier", "value_set": ["UA", "XX"]}),
        ("expect_column_distinct_values_to_equal_set", {"column": "carrier", "value_set": list(CARRIERS)}),
        ("expect_column_mean_to_be_between", {"column": "seats", "min_value": 200, "max_value": 220}),
        ("expect_column_mean_to_be_between", {"column": "delay", "min_value": 50}),
        ("expect_column_sum_to_be_between", {"column": "seats", "min_value": 1}),
    ]
    for column, given in PARTITION.items():
        for threshold in (0.0005, 0.01, 0.2):
            told.append(
                ("expect_column_kl_divergence_to_be_less_than", {**given, "column": column, "threshold": threshold})
            )
    return told


@pytest.mark.parametrize("strange", [False, True], ids=["ordinary", "strange"])
def test_counts_decide_as_the_rows_do(*, strange: bool) -> None:
    """Success and share are those of all rows; where counts cannot tell they say so, and that is rare."""
    columns = rows(3000, seed=2, strange=strange)
    window, told = counted(columns, BASELINE), expected()
    truth = direct(frame(columns), [{"type": kind, "kwargs": kwargs} for kind, kwargs in told])
    decided = 0
    for (kind, kwargs), (success, share) in zip(told, truth, strict=True):
        found = decide(Expectation(kind, kwargs), window, textual=TEXTUAL)
        if found is None:
            continue
        decided += 1
        assert (found.success, found.exact, found.error) == (success, True, None), (kind, kwargs)
        assert found.unexpected_ratio == (None if share is None else pytest.approx(share, abs=1e-12)), (kind, kwargs)
    assert decided >= (0.7 if strange else 0.9) * len(told)


def test_what_always_counts_is_marked() -> None:
    """Row counts and nulls of known features need no sample, whatever comes."""
    assert may_decide(Expectation("expect_table_row_count_to_equal", {"value": 1}), BASELINE)
    assert may_decide(Expectation("expect_column_values_to_not_be_null", {"column": "fee"}), BASELINE)
    assert not may_decide(Expectation("expect_column_values_to_not_be_null", {"column": "nobody"}), BASELINE)
    assert not may_decide(Expectation("expect_column_values_to_match_regex", {"column": "carrier"}), BASELINE)


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("expect_column_values_to_be_between", {"column": "fee", "min_value": 0.123}),
        ("expect_column_values_to_be_in_set", {"column": "tail", "value_set": ["N100", "N101"]}),
        (
            "expect_column_values_to_not_be_null",
            {"column": "fee", "row_condition": "fee > 1", "condition_parser": "pandas"},
        ),
        ("expect_column_max_to_be_between", {"column": "fee", "max_value": 10}),
    ],
)
def test_counts_do_not_guess(kind: str, kwargs: dict[str, Any]) -> None:
    """A bound within a bin, a category without one, a condition on rows: the sample has to tell."""
    window = counted(rows(3000, seed=2), BASELINE)
    assert decide(Expectation(kind, kwargs), window, textual=TEXTUAL) is None
