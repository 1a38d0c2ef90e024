"""The columns that suites speak of."""

from app.quality.naming import NOTHING, named


def test_every_column_is_found_wherever_it_is_named() -> None:
    """As the column, one of a pair or of a list, in a condition as text or as an object."""
    suite = {
        "expectations": [
            {"type": "expect_column_to_exist", "kwargs": {"column": "a"}},
            {"type": "expect_column_pair_values_to_be_equal", "kwargs": {"column_A": "b", "column_B": "c d"}},
            {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["e", "f"]}},
            {
                "type": "expect_column_values_to_be_unique",
                "kwargs": {"column": "a", "row_condition": "g > 1 and `h i` == 'no' and größe.notnull()"},
            },
            {
                "type": "expect_column_values_to_be_unique",
                "kwargs": {
                    "column": "a",
                    "row_condition": {"type": "and", "conditions": [{"column": {"name": "j k"}, "parameter": [1]}]},
                },
            },
        ]
    }
    found = named([suite, {"expectations": []}])
    assert {"a", "b", "c d", "e", "f", "g", "h i", "größe", "j k"} <= found.columns
    assert not found.every
    assert named([]) == NOTHING


def test_expectations_of_the_columns_themselves_want_every_name() -> None:
    """Their number and their set."""
    suite = {"expectations": [{"type": "expect_table_column_count_to_equal", "kwargs": {"value": 3}}]}
    assert named([suite]).every
