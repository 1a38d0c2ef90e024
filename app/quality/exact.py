"""Expectations that the counts of a window decide, to the digit, as Great Expectations would on all its rows."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from app.drift.baseline import Baseline
from app.drift.columns import Kind
from app.quality.divergence import categorical_divergence, numeric_divergence
from app.quality.suite import Expectation
from app.quality.tally import CategoryTally, NumberTally, Tally, tally_of


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one expectation; `error` is a stable word, and `values` are shown only when asked for."""

    success: bool
    unexpected_ratio: float | None = None
    exact: bool = False
    error: str | None = None
    values: list[Any] | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """The exact counts of a window: of shape (bins,) and the sums of finite values, of shape (features,)."""

    baseline: Baseline
    rows: int
    counts: np.ndarray[Any, np.dtype[np.int64]]
    sums: np.ndarray[Any, np.dtype[np.float64]]


def decide(
    expectation: Expectation, counted: Counted, *, textual: frozenset[str], mixed: frozenset[str] = frozenset()
) -> Outcome | None:
    """Decide an expectation from counts, or give None when they cannot.

    `textual` names the categorical features whose values all came as text, so that their categories are their values;
    `mixed` the numeric ones of which some did, which only counts as a number.
    """
    if expectation.kwargs.get("row_condition") is not None:
        return None
    if expectation.type in _TABLE:
        return decide_rows(expectation, counted.rows)
    rule = _RULES.get(expectation.type)
    column = expectation.kwargs.get("column")
    feature = next((f for f, one in enumerate(counted.baseline.features) if one.name == column), None)
    if rule is None or feature is None:
        return None
    tally = tally_of(counted.baseline, feature, counted.counts, float(counted.sums[feature]))
    doubtful = column not in textual if tally.kind is Kind.CATEGORICAL else column in mixed
    if doubtful and expectation.type not in _NULLS:
        return None
    try:
        return rule(expectation.kwargs, tally)
    except (TypeError, ValueError, OverflowError, KeyError):
        return None


def decide_rows(expectation: Expectation, rows: int) -> Outcome | None:
    """Decide an expectation of the number of rows; None for any other."""
    rule = _TABLE.get(expectation.type)
    return None if rule is None else rule(expectation.kwargs, rows)


def may_decide(expectation: Expectation, baseline: Baseline) -> bool:
    """Tell whether counts decide an expectation whatever comes: row counts and nulls."""
    if expectation.kwargs.get("row_condition") is not None:
        return False
    known = any(one.name == expectation.kwargs.get("column") for one in baseline.features)
    return expectation.type in _TABLE or (expectation.type in _NULLS and known)


def between(value: float, kwargs: Mapping[str, Any]) -> bool:
    """Compare with min_value and max_value, strictly where asked."""
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    above = low is None or (value > low if kwargs.get("strict_min") else value >= low)
    below = high is None or (value < high if kwargs.get("strict_max") else value <= high)
    return bool(above and below)


def _mostly(kwargs: Mapping[str, Any], unexpected: int, considered: int) -> Outcome:
    if considered == 0:
        return Outcome(success=True, exact=True)
    success = (considered - unexpected) / considered >= kwargs.get("mostly", 1)
    return Outcome(success, unexpected / considered, exact=True)


def _row_count_between(kwargs: Mapping[str, Any], rows: int) -> Outcome:
    return Outcome(between(rows, kwargs), exact=True)


def _row_count_equal(kwargs: Mapping[str, Any], rows: int) -> Outcome:
    return Outcome(rows == kwargs["value"], exact=True)


def _not_null(kwargs: Mapping[str, Any], tally: Tally) -> Outcome:
    return _mostly(kwargs, tally.missing, tally.rows)


def _null(kwargs: Mapping[str, Any], tally: Tally) -> Outcome:
    return _mostly(kwargs, tally.present, tally.rows)


def _share_present(kwargs: Mapping[str, Any], tally: Tally) -> Outcome | None:
    if not tally.rows:
        return None
    return Outcome(between(tally.present / tally.rows, kwargs), exact=True)


def _in_set(kwargs: Mapping[str, Any], tally: Tally) -> Outcome | None:
    within = _within(kwargs, tally)
    return None if within is None else _mostly(kwargs, tally.present - within, tally.present)


def _not_in_set(kwargs: Mapping[str, Any], tally: Tally) -> Outcome | None:
    within = _within(kwargs, tally)
    return None if within is None else _mostly(kwargs, within, tally.present)


def _within(kwargs: Mapping[str, Any], tally: Tally) -> int | None:
    """Count the rows whose value is in the set."""
    values = kwargs["value_set"]
    if not isinstance(values, list) or not values:
        return None
    found = [tally.equal(value) for value in _distinct(values)]
    return None if any(one is None for one in found) else sum(one or 0 for one in found)


def _distinct(values: Sequence[Any]) -> list[Any]:
    return list(
        {(type(value) is bool, value): value for value in values if not isinstance(value, list | dict)}.values()
    )


def _distinct_in_set(kwargs: Mapping[str, Any], tally: Tally) -> Outcome | None:
    within = _within(kwargs, tally)
    return None if within is None else Outcome(within == tally.present, exact=True)


def _distinct_contain(kwargs: Mapping[str, Any], tally: Tally) -> Outcome | None:
    found = [tally.equal(value) for value in _distinct(kwargs["value_set"])]
    return None if any(one is None for one in found) else Outcome(all(found), exact=True)


def _distinct_equal(kwargs: Mapping[str, Any], tally: Tally) -> Outcome | None:
    inside, all_there = _distinct_in_set(kwargs, tally), _distinct_contain(kwargs, tally)
    if inside is None or all_there is None:
        return None
    return Outcome(inside.success and all_there.success, exact=True)


def _values_between(kwargs: Mapping[str, Any], tally: Tally) -> Outcome | None:
    if not isinstance(tally, NumberTally) or tally.invalid:
        return None
    low, high = _bound(kwargs, "min_value"), _bound(kwargs, "max_value")
    below = 0 if low is None else tally.below(low, inclusive=bool(kwargs.get("strict_min")))
    most = tally.present if high is None else tally.below(high, inclusive=not kwargs.get("strict_max"))
    if below is None or most is None:
        return None
    return _mostly(kwargs, tally.present - max(most - below, 0), tally.present)


def _bound(kwargs: Mapping[str, Any], name: str) -> float | None:
    value = kwargs.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise TypeError(name)
    return None if value is None else float(value)


def _mean(kwargs: Mapping[str, Any], tally: Tally) -> Outcome | None:
    if not isinstance(tally, NumberTally) or not tally.plain or not tally.present:
        return None
    return Outcome(between(tally.sum / tally.present, kwargs), exact=True)


def _sum(kwargs: Mapping[str, Any], tally: Tally) -> Outcome | None:
    if not isinstance(tally, NumberTally) or not tally.plain or not tally.present:
        return None
    return Outcome(between(tally.sum, kwargs), exact=True)


def _divergence(kwargs: Mapping[str, Any], tally: Tally) -> Outcome | None:
    if not tally.present:
        return None
    if isinstance(tally, CategoryTally):
        value = categorical_divergence(kwargs, tally)
    else:
        value = numeric_divergence(kwargs, tally) if isinstance(tally, NumberTally) else None
    if value is None:
        return None
    threshold = kwargs.get("threshold")
    return Outcome(threshold is None or (not math.isnan(value) and value <= threshold), exact=True)


_Rule = Callable[[Mapping[str, Any], Tally], Outcome | None]
_TABLE: Final[Mapping[str, Callable[[Mapping[str, Any], int], Outcome]]] = {
    "expect_table_row_count_to_be_between": _row_count_between,
    "expect_table_row_count_to_equal": _row_count_equal,
}
_NULLS: Final = frozenset(
    {
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_be_null",
        "expect_column_proportion_of_non_null_values_to_be_between",
    }
)
_RULES: Final[Mapping[str, _Rule]] = {
    "expect_column_values_to_not_be_null": _not_null,
    "expect_column_values_to_be_null": _null,
    "expect_column_proportion_of_non_null_values_to_be_between": _share_present,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_not_be_in_set": _not_in_set,
    "expect_column_distinct_values_to_be_in_set": _distinct_in_set,
    "expect_column_distinct_values_to_contain_set": _distinct_contain,
    "expect_column_distinct_values_to_equal_set": _distinct_equal,
    "expect_column_values_to_be_between": _values_between,
    "expect_column_mean_to_be_between": _mean,
    "expect_column_sum_to_be_between": _sum,
    "expect_column_kl_divergence_to_be_less_than": _divergence,
}
