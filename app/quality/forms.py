"""The expectations of Great Expectations 1.x: their arguments, and why some cannot run on a sample of rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Form:
    """The arguments of one type of expectation; `unsupported` says why it cannot run here."""

    required: frozenset[str]
    optional: frozenset[str]
    unsupported: str | None = None


CONDITION: Final = "row_condition condition_parser"
_BETWEEN: Final = "min_value max_value strict_min strict_max"


def _of(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _values(required: str = "", optional: str = "") -> Form:
    """Describe an expectation of every value of a column."""
    return Form(_of(f"column {required}"), _of(f"mostly {CONDITION} {optional}"))


def _column(required: str = "", optional: str = "") -> Form:
    """Describe an expectation of a column as a whole."""
    return Form(_of(f"column {required}"), _of(f"{CONDITION} {optional}"))


def _rows(required: str, optional: str = "") -> Form:
    """Describe an expectation of several values of each row."""
    return Form(_of(required), _of(f"mostly ignore_row_if {CONDITION} {optional}"))


def _table(required: str = "", optional: str = "") -> Form:
    return Form(_of(required), _of(optional))


def _not(reason: str) -> Form:
    return Form(frozenset(), frozenset(), reason)


_SQL: Final = _not("it runs SQL, and a window's sample is no table")
_LIKE: Final = _not("LIKE patterns exist in SQL only; write a regular expression")
_ORDER: Final = _not("a sample of rows has no order")

FORMS: Final[Mapping[str, Form]] = {
    "expect_column_distinct_values_to_be_in_set": _column("value_set"),
    "expect_column_distinct_values_to_contain_set": _column("value_set"),
    "expect_column_distinct_values_to_equal_set": _column("value_set"),
    "expect_column_kl_divergence_to_be_less_than": _column(
        "",
        "partition_object threshold internal_weight_holdout tail_weight_holdout bucketize_data min_value max_value",
    ),
    "expect_column_max_to_be_between": _column("", _BETWEEN),
    "expect_column_mean_to_be_between": _column("", _BETWEEN),
    "expect_column_median_to_be_between": _column("", _BETWEEN),
    "expect_column_min_to_be_between": _column("", _BETWEEN),
    "expect_column_most_common_value_to_be_in_set": _column("value_set", "ties_okay"),
    "expect_column_pair_values_a_to_be_greater_than_b": _rows("column_A column_B", "or_equal"),
    "expect_column_pair_values_to_be_equal": _rows("column_A column_B"),
    "expect_column_pair_values_to_be_in_set": _rows("column_A column_B value_pairs_set"),
    "expect_column_proportion_of_non_null_values_to_be_between": _column("", _BETWEEN),
    "expect_column_proportion_of_unique_values_to_be_between": _column("", _BETWEEN),
    "expect_column_quantile_values_to_be_between": _column("quantile_ranges", "allow_relative_error"),
    "expect_column_stdev_to_be_between": _column("", _BETWEEN),
    "expect_column_sum_to_be_between": _column("", _BETWEEN),
    "expect_column_to_exist": _table("column", "column_index"),
    "expect_column_type_to_be": _not("it asks for the type of a SQL column"),
    "expect_column_unique_value_count_to_be_between": _column("", _BETWEEN),
    "expect_column_value_lengths_to_be_between": _values("", _BETWEEN),
    "expect_column_value_lengths_to_equal": _values("value"),
    "expect_column_value_z_scores_to_be_less_than": _values("threshold double_sided"),
    "expect_column_values_to_be_between": _values("", _BETWEEN),
    "expect_column_values_to_be_dateutil_parseable": _values(),
    "expect_column_values_to_be_decreasing": _ORDER,
    "expect_column_values_to_be_in_set": _values("value_set"),
    "expect_column_values_to_be_in_type_list": _values("", "type_list"),
    "expect_column_values_to_be_increasing": _ORDER,
    "expect_column_values_to_be_json_parseable": _values(),
    "expect_column_values_to_be_null": _values(),
    "expect_column_values_to_be_of_type": _values("type_"),
    "expect_column_values_to_be_unique": _values(),
    "expect_column_values_to_match_json_schema": _values("json_schema"),
    "expect_column_values_to_match_like_pattern": _LIKE,
    "expect_column_values_to_match_like_pattern_list": _LIKE,
    "expect_column_values_to_match_regex": _values("", "regex"),
    "expect_column_values_to_match_regex_list": _values("regex_list", "match_on"),
    "expect_column_values_to_match_strftime_format": _values("strftime_format"),
    "expect_column_values_to_not_be_in_set": _values("value_set"),
    "expect_column_values_to_not_be_null": _values(),
    "expect_column_values_to_not_be_outliers": _not("it runs on Spark and SQL only"),
    "expect_column_values_to_not_match_like_pattern": _LIKE,
    "expect_column_values_to_not_match_like_pattern_list": _LIKE,
    "expect_column_values_to_not_match_regex": _values("regex"),
    "expect_column_values_to_not_match_regex_list": _values("regex_list"),
    "expect_compound_columns_to_be_unique": _rows("column_list"),
    "expect_multicolumn_sum_to_equal": _rows("column_list sum_total"),
    "expect_multicolumn_values_to_be_equal": _rows("column_list"),
    "expect_query_results_to_match_comparison": _SQL,
    "expect_select_column_values_to_be_unique_within_record": _rows("column_list"),
    "expect_table_column_count_to_be_between": _table("", "min_value max_value"),
    "expect_table_column_count_to_equal": _table("value"),
    "expect_table_columns_to_match_ordered_list": _not("the order of columns is not kept"),
    "expect_table_columns_to_match_set": _table("", "column_set exact_match"),
    "expect_table_row_count_to_be_between": _table("", f"{_BETWEEN} {CONDITION}"),
    "expect_table_row_count_to_equal": _table("value", CONDITION),
    "expect_table_row_count_to_equal_other_table": _not("there is no other table"),
    "unexpected_rows_expectation": _SQL,
}

SLOW: Final = frozenset(
    {
        "expect_column_values_to_match_regex",
        "expect_column_values_to_match_regex_list",
        "expect_column_values_to_not_match_regex",
        "expect_column_values_to_not_match_regex_list",
        "expect_column_values_to_match_json_schema",
        "expect_column_values_to_be_json_parseable",
        "expect_column_values_to_be_dateutil_parseable",
        "expect_column_values_to_match_strftime_format",
    }
)
"""Expectations that run the sender's or the author's text as a program; each runs alone, against a clock."""
