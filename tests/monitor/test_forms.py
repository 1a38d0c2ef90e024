"""The form in which values came, and that in which a baseline counts them."""

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np

from app.monitor.forms import AS_COUNTED, Forms, as_counted, forms, otherwise_written
from app.monitor.sampling import Sample
from app.quality.job import Task

CELLS: dict[str, list[Any]] = {
    "number": ["1", "2.5", None, " 3"],
    "flag": ["True", "FALSE", None, "true"],
    "word": ["1", "b", None, "c"],
    "empty": [None] * 4,
}


def sample(columns: dict[str, list[Any]], *, cells: frozenset[str] = frozenset()) -> Sample:
    """A sample of so many rows."""
    return Sample(np.arange(len(next(iter(columns.values()))), dtype=np.uint64), columns, cells)


def test_text_is_told_from_values() -> None:
    """Text throughout, text among other values, values; secret columns count as their categories."""
    found = forms(
        sample({"t": ["a", None], "m": ["1", 2], "v": [1, None], "none": [None, None]}), secret=frozenset({"s"})
    )
    assert found.textual == frozenset({"t", "none", "s"})
    assert found.mixed == {"t", "m"}
    assert forms(Sample(np.zeros(0, np.uint64), {}), secret=frozenset()) == AS_COUNTED


def test_times_are_no_text_although_they_travel_as_such() -> None:
    """What Arrow calls a time is none of its category's text; a category by any index is; conversions drop the type."""
    came = Sample(
        np.arange(2, dtype=np.uint64),
        {"when": ["2026-01-01T00:00:00", None], "kind": ["a", "b"], "word": ["a", None], "x": [0.5, 1.0]},
        types={"when": "timestamp[us]", "kind": "dictionary<values=string, indices=int32, ordered=0>", "x": "float"},
    )
    assert forms(came, secret=frozenset()).textual == frozenset({"kind", "word"})
    tasks = [Task(0, "expect_column_values_to_be_between", {"column": "x"})]
    assert as_counted(came, tasks).types == {name: came.types[name] for name in ("when", "kind")}


def test_cells_that_pandas_reads_as_values_are_no_text() -> None:
    """One word among the cells of a column keeps all of them text."""
    found = forms(sample(CELLS, cells=frozenset(CELLS)), secret=frozenset())
    assert (found.textual, found.mixed) == (frozenset({"word"}), frozenset())


def test_a_baseline_counts_text_numbers_and_categories() -> None:
    """Numbers that came as text are numbers; categories are text, spelled alike whatever they came as."""
    tasks = [
        Task(0, "expect_column_values_to_be_between", {"column": "x"}),
        Task(1, "expect_column_values_to_be_in_set", {"column": "c", "value_set": ["1"]}),
        Task(2, "expect_column_kl_divergence_to_be_less_than", {"column": "k", "partition_object": {"values": ["1"]}}),
        Task(3, "expect_column_values_to_be_in_set", {"column": "nobody", "value_set": ["1"]}),
    ]
    came = sample(
        {
            "x": ["1.5", 2, None, "oops"],
            "c": [1, 1.0, True, None],
            "k": [{}, float("nan"), "é", 2.5],
            "other": [1, 2, 3, 4],
        }
    )
    found = as_counted(came, tasks)
    assert found.columns == {
        "x": [1.5, 2, None, "oops"],
        "c": ["1", "1", "true", None],
        "k": ["{}", None, "é", "2.5"],
        "other": [1, 2, 3, 4],
    }
    cells = as_counted(
        sample(
            {"x": ["1", "2.5", None, "oops"], "c": ["1", "TRUE", None, "b"], "o": [None] * 4}, cells=frozenset("xco")
        ),
        tasks,
    )
    assert (cells.columns["x"], cells.columns["c"]) == ([1, 2.5, None, "oops"], ["1", "true", None, "b"])
    assert cells.cells == {"o"}


def test_a_category_is_what_the_expectation_calls_it() -> None:
    """Whole numbers of a CSV with gaps grow a fraction; where the baseline saw them so, others lose it."""
    for known, column, cells, read in (
        (["1", "2"], ["1.0", "2.0", None, "3.0"], True, ["1", "2", None, "3.0"]),
        (["1.0", "2.0"], [1.0, 2, None, 3], False, ["1.0", "2.0", None, "3"]),
        ([1, 2, "1", "2"], ["1", "2.0", None, "x"], True, [1, 2, None, "x"]),
    ):
        came = sample({"c": column}, cells=frozenset({"c"} if cells else ()))
        kwargs = {"column": "c", "value_set": known}
        assert otherwise_written(came, kwargs)
        found = as_counted(came, [Task(0, "expect_column_values_to_be_in_set", kwargs)]).columns["c"]
        assert [(type(one), one) for one in found] == [(type(one), one) for one in read]
        assert not otherwise_written(sample({"c": ["9", None]}), kwargs)
    assert not otherwise_written(sample({"x": [1.5]}), {"column": "x", "min_value": 1})


def test_typed_values_are_what_is_counted() -> None:
    """Decimals are numbers, or categories without a trailing zero; times are written as ISO 8601."""
    now = dt.datetime(2024, 3, 1, 12, 30, tzinfo=dt.UTC)
    came = sample({"x": [Decimal("1.50"), None], "c": [Decimal("1.00"), Decimal("2.50")], "k": [now, now.date()]})
    tasks = [
        Task(0, "expect_column_mean_to_be_between", {"column": "x", "max_value": 3}),
        *(
            Task(1, "expect_column_values_to_be_in_set", {"column": name, "value_set": ["1", "2.5"]})
            for name in ("c", "k")
        ),
    ]
    found = as_counted(came, tasks).columns
    assert found == {"x": [1.5, None], "c": ["1", "2.5"], "k": ["2024-03-01T12:30:00Z", "2024-03-01"]}
    assert type(found["x"][0]) is float
    assert forms(came, secret=frozenset()) == Forms(frozenset())
