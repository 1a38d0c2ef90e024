"""Suites as people send them: read whole, or refused by name."""

import importlib
import json
from typing import Any

import pytest

from app.errors import Refused
from app.quality.conditions import check_condition
from app.quality.forms import FORMS, SLOW
from app.quality.suite import MAX_EXPECTATIONS, read_posted
from quality.direct import library


def suite(*expectations: object) -> dict[str, Any]:
    """A suite of these expectations."""
    return {"name": "own", "expectations": list(expectations), "meta": {}, "id": None, "notes": None}


def test_every_expectation_of_the_library_is_known_with_its_arguments() -> None:
    """Nothing new goes unnoticed: names, required and optional arguments are those of the installed version."""
    library()
    from great_expectations.expectations import registry  # noqa: PLC0415 - after its warnings were silenced

    assert set(FORMS) == set(registry.list_registered_expectation_implementations())
    common = set(registry.get_expectation_impl("unexpected_rows_expectation").__fields__) - {"unexpected_rows_query"}
    for name, form in FORMS.items():
        fields = registry.get_expectation_impl(name).__fields__
        own = set(fields) - common - {"library_metadata"}
        if form.unsupported is None:
            assert form.required == {one for one in own if fields[one].required}, name
            assert form.required | form.optional == own, name
    assert set(SLOW) <= set(FORMS)


def test_what_the_library_writes_is_read() -> None:
    """`to_json_dict` of a suite made there is taken, and what is kept makes the same suite there."""
    gx = library()
    gxe: Any = importlib.import_module("great_expectations.expectations")
    made = gx.ExpectationSuite(
        name="credit",
        expectations=[
            gxe.ExpectColumnValuesToNotBeNull(column="age", mostly=0.9, severity="warning"),
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="b", column_B="a", or_equal=True),
            gxe.ExpectColumnKLDivergenceToBeLessThan(
                column="x", partition_object={"values": ["a"], "weights": [1.0]}, threshold=0.1
            ),
        ],
    )
    read = read_posted(json.loads(json.dumps(made.to_json_dict())))
    assert [one.severity for one in read.expectations] == ["warning", "critical", "critical"]
    assert [one.columns for one in read.expectations] == [("age",), ("b", "a"), ("x",)]
    again = gx.ExpectationSuite(name=read.name, expectations=read.document()["expectations"])
    assert [one.configuration.kwargs for one in again.expectations] == [
        one.configuration.kwargs for one in made.expectations
    ]


@pytest.mark.parametrize(
    ("expectation", "words"),
    [
        ({"type": "expect_nothing", "kwargs": {}}, "expect_nothing: there is no such"),
        (
            {"type": "unexpected_rows_expectation", "kwargs": {}},
            "unexpected_rows_expectation: not supported: it runs SQL",
        ),
        ({"type": "expect_column_values_to_match_like_pattern", "kwargs": {}}, "regular expression"),
        (
            {"type": "expect_column_max_to_be_between", "kwargs": {"column": "x", "min_value": {"$PARAMETER": "p"}}},
            "suite parameter",
        ),
        (
            {
                "type": "expect_column_values_to_not_be_null",
                "kwargs": {"column": "x", "row_condition": "@pd.eval('1')", "condition_parser": "pandas"},
            },
            "row_condition",
        ),
    ],
)
def test_the_unknown_is_refused_by_name(expectation: dict[str, Any], words: str) -> None:
    """Unknown and unsupported ones are 422 `unknown-expectation`, with the name and the reason."""
    fine = {"type": "expect_column_to_exist", "kwargs": {"column": "x"}}
    with pytest.raises(Refused) as caught:
        read_posted(suite(fine, expectation))
    assert caught.value.code == "unknown-expectation"
    assert caught.value.extra["expectation"] == expectation["type"]
    assert str(caught.value.extra["pointer"]).startswith("/expectations/1")
    assert words in caught.value.detail


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"name": "s"},
        {"name": "", "expectations": []},
        {"name": "a\nb", "expectations": []},
        {"name": "s" * 129, "expectations": []},
        suite(3),
        suite({"kwargs": {}}),
        suite({"type": "expect_column_to_exist", "kwargs": []}),
        suite({"type": "expect_column_to_exist", "kwargs": {}}),
        suite({"type": "expect_column_to_exist", "kwargs": {"column": 3}}),
        suite({"type": "expect_column_to_exist", "kwargs": {"column": "x", "strange": 1}}),
        suite({"type": "expect_column_to_exist", "kwargs": {"column": "x"}, "severity": "fatal"}),
        suite({"type": "expect_column_values_to_be_unique", "kwargs": {"column": "x", "mostly": 2}}),
        suite({"type": "expect_column_values_to_be_unique", "kwargs": {"column": "x", "mostly": True}}),
        suite({"type": "expect_column_values_to_match_regex", "kwargs": {"column": "x", "regex": "("}}),
        suite({"type": "expect_column_max_to_be_between", "kwargs": {"column": "x", "max_value": float("inf")}}),
        suite({"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": "ab"}}),
        suite(
            {
                "type": "expect_column_values_to_match_json_schema",
                "kwargs": {"column": "x", "json_schema": {"allOf": [{"$ref": "http://127.0.0.1/schema"}]}},
            }
        ),
        suite(*[{"type": "expect_column_to_exist", "kwargs": {"column": "x"}}] * (MAX_EXPECTATIONS + 1)),
    ],
    ids=str,
)
def test_the_unlawful_is_refused(document: object) -> None:
    """A fault of form is 422 `unlawful-suite`."""
    with pytest.raises(Refused) as caught:
        read_posted(document)
    assert caught.value.code == "unlawful-suite"


@pytest.mark.parametrize(
    "condition",
    [
        "x > 3 and carrier == 'UA'",
        "`dep delay`.notnull() & (y in [1, 2])",
        "not (a != b) or c <= -1.5",
        {"type": "comparison", "column": {"name": "x"}, "operator": ">", "parameter": 3},
        {"type": "pass_through", "pass_through_filter": "x > 3"},
    ],
    ids=str,
)
def test_conditions_that_select_rows(condition: object) -> None:
    """Comparisons, boolean words, names in backticks and tests for null are let through."""
    assert check_condition(condition) is None


@pytest.mark.parametrize(
    "condition",
    [
        "@x",
        "x.apply(print)",
        "__import__('os').system('true')",
        "x == __builtins__",
        "x.__class__.notnull()",
        "(lambda: 1)()",
        "[y for y in x]",
        "x > 3; y",
        "x := 3",
        "f'{x}'",
        "`a@b` > 1",
        "x.isin(values=open('/etc/passwd'))",
        "x" * 5000,
        3,
        {"type": "comparison", "column": {"name": "x` or @y or `x"}, "operator": "==", "parameter": 1},
        {"type": "comparison", "column": {"name": "x"}, "operator": "==", "parameter": '" or @y == "'},
        {"type": "and", "conditions": [{"type": "pass_through", "pass_through_filter": "@y"}]},
    ],
    ids=str,
)
def test_conditions_that_are_programs(condition: object) -> None:
    """Nothing that calls, assigns or reaches beyond the rows is let through: pandas would run it."""
    assert check_condition(condition) is not None
