"""The process that validates, with all that can happen to it."""

import datetime as dt
import decimal
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import psutil
import pyarrow as pa
import pytest

from app.quality.forms import FORMS
from app.quality.frame import frame_of
from app.quality.job import Answer, Job, Task
from app.quality.process import Bounds, Examiner, GoneError
from quality.direct import direct
from quality.dirty import frame, rows

pytestmark = pytest.mark.timeout(600)
EXPLODING = "(?=a)(a+)+$"
"""Backtracks, and has a look-ahead so that no linear engine takes it."""


@pytest.fixture(scope="module")
def examiner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Examiner]:
    """One process for all tests of the file."""
    made = Examiner(Bounds(), home=tmp_path_factory.mktemp("home"))
    yield made
    made.stop()


def ask(
    examiner: Examiner, columns: dict[str, list[Any]], *tasks: tuple[str, dict[str, Any]], **options: Any
) -> list[Answer]:
    """Answers in the order of the tasks."""
    numbered = [Task(number, kind, kwargs) for number, (kind, kwargs) in enumerate(tasks)]
    options = {"values": False, "deadline_s": 60.0} | options
    return sorted(examiner.answers(columns, numbered, **options), key=lambda one: one.number)


SAID: list[tuple[str, dict[str, Any]]] = [
    ("expect_column_distinct_values_to_be_in_set", {"column": "carrier", "value_set": ["UA"]}),
    ("expect_column_max_to_be_between", {"column": "delay", "max_value": 100}),
    ("expect_column_median_to_be_between", {"column": "delay", "min_value": 5, "max_value": 15}),
    ("expect_column_min_to_be_between", {"column": "seats", "min_value": 20}),
    ("expect_column_most_common_value_to_be_in_set", {"column": "carrier", "value_set": ["UA", "B6", "EV"]}),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "seats", "column_B": "fee"}),
    ("expect_column_pair_values_to_be_equal", {"column_A": "seats", "column_B": "delay", "mostly": 0.001}),
    (
        "expect_column_pair_values_to_be_in_set",
        {"column_A": "carrier", "column_B": "fee", "value_pairs_set": [["UA", 0.0], ["B6", 2.5]], "mostly": 0.1},
    ),
    ("expect_column_proportion_of_unique_values_to_be_between", {"column": "tail", "min_value": 0.1}),
    (
        "expect_column_quantile_values_to_be_between",
        {"column": "seats", "quantile_ranges": {"quantiles": [0.1, 0.9], "value_ranges": [[20, 100], [300, 400]]}},
    ),
    ("expect_column_stdev_to_be_between", {"column": "seats", "min_value": 50, "max_value": 200}),
    ("expect_column_to_exist", {"column": "nobody"}),
    ("expect_column_unique_value_count_to_be_between", {"column": "carrier", "min_value": 5, "max_value": 5}),
    ("expect_column_value_lengths_to_be_between", {"column": "carrier", "min_value": 2, "max_value": 2}),
    ("expect_column_value_lengths_to_equal", {"column": "tail", "value": 4, "mostly": 0.5}),
    ("expect_column_value_z_scores_to_be_less_than", {"column": "seats", "threshold": 1, "double_sided": True}),
    ("expect_column_values_to_be_dateutil_parseable", {"column": "tail", "mostly": 0.1}),
    ("expect_column_values_to_be_in_type_list", {"column": "delay", "type_list": ["float64", "int64"]}),
    ("expect_column_values_to_be_json_parseable", {"column": "carrier"}),
    ("expect_column_values_to_be_of_type", {"column": "seats", "type_": "int64"}),
    ("expect_column_values_to_be_unique", {"column": "tail", "mostly": 0.2}),
    ("expect_column_values_to_match_json_schema", {"column": "doc", "json_schema": {"required": ["a"]}}),
    ("expect_column_values_to_match_regex", {"column": "tail", "regex": "^N[0-9]{3}$", "mostly": 0.5}),
    ("expect_column_values_to_match_regex_list", {"column": "tail", "regex_list": ["^N1", "^N2"], "mostly": 0.1}),
    ("expect_column_values_to_match_strftime_format", {"column": "carrier", "strftime_format": "%Y"}),
    ("expect_column_values_to_not_match_regex", {"column": "tail", "regex": "9$", "mostly": 0.8}),
    ("expect_column_values_to_not_match_regex_list", {"column": "tail", "regex_list": ["9$", "8$"], "mostly": 0.8}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["tail", "seats"], "mostly": 0.9}),
    ("expect_multicolumn_sum_to_equal", {"column_list": ["seats", "seats"], "sum_total": 100, "mostly": 0.001}),
    ("expect_multicolumn_values_to_be_equal", {"column_list": ["seats", "delay"], "mostly": 0.001}),
    ("expect_select_column_values_to_be_unique_within_record", {"column_list": ["seats", "delay"], "mostly": 0.5}),
    ("expect_table_column_count_to_be_between", {"min_value": 6, "max_value": 6}),
    ("expect_table_column_count_to_equal", {"value": 4}),
    ("expect_table_columns_to_match_set", {"column_set": ["delay", "fee", "seats", "carrier", "tail", "doc"]}),
    (
        "expect_column_values_to_be_between",
        {
            "column": "fee",
            "max_value": 1,
            "mostly": 0.5,
            "row_condition": "carrier == 'UA'",
            "condition_parser": "pandas",
        },
    ),
]


def test_answers_are_those_of_the_library(examiner: Examiner) -> None:
    """Every supported expectation gives on a sample what it gives directly on the frame of the same rows."""
    columns = rows(700, seed=3) | {"doc": ['{"a": 1}'] * 699 + ["{}"]}
    truth = direct(frame(columns), [{"type": kind, "kwargs": kwargs} for kind, kwargs in SAID])
    found = ask(examiner, columns, *SAID)
    for (kind, kwargs), answer, (success, share) in zip(SAID, found, truth, strict=True):
        assert (answer.success, answer.values) == (success, None), (kind, kwargs, answer)
        if answer.error is None:
            assert answer.ratio == (None if share is None else pytest.approx(share)), kind
        else:
            assert not success, (kind, answer)
    assert [kind for (kind, _), answer in zip(SAID, found, strict=True) if answer.error] == []
    counted = {"null", "in_set", "between", "mean", "sum", "kl_", "contain", "equal_set", "row_count"}
    said = {kind for kind, _ in SAID}
    assert {name for name, form in FORMS.items() if form.unsupported is None and name not in said} <= {
        name for name in FORMS if any(word in name for word in counted)
    }


def test_bad_columns_cost_only_their_own(examiner: Examiner) -> None:
    """Missing columns, text among numbers, nothing but nulls, arguments that contradict: one word each."""
    columns: dict[str, list[Any]] = {"x": [1, 2, "three", None], "empty": [None] * 4, "good": [1.5, 2.5, 3.5, 4.5]}
    found = ask(
        examiner,
        columns,
        ("expect_column_values_to_be_between", {"column": "nobody", "min_value": 1}),
        ("expect_column_values_to_be_between", {"column": "x", "min_value": 1}),
        ("expect_column_values_to_be_between", {"column": "empty", "min_value": 1}),
        ("expect_column_values_to_be_in_set", {"column": "x", "value_set": 3}),
        ("expect_column_values_to_be_between", {"column": "good", "min_value": 2}),
    )
    assert [one.error for one in found] == ["missing_column", "type_mismatch", None, "invalid_expectation", None]
    assert [one.success for one in found] == [False, False, True, False, False]
    assert found[4].ratio == pytest.approx(0.25)


def test_cells_are_read_as_pandas_reads_csv(examiner: Examiner) -> None:
    """Types and values are those of `read_csv`, whatever is in the cells."""
    columns: dict[str, list[Any]] = {
        "i": ["1", "2", "3"],
        "f": ["1", None, "2.5"],
        "b": ["True", "False", "True"],
        "t": ["1", 'say "x",\ny', ""],
        "empty": [None] * 3,
        "own": [True, None, 2],
    }
    frame = frame_of(columns, ["i", "f", "b", "t", "empty"])
    assert [str(kind) for kind in frame.dtypes.iloc[:3]] == ["int64", "float64", "bool"]
    assert frame["t"].tolist()[:2] == columns["t"][:2]
    assert (list(frame), frame["own"].tolist()) == (list(columns), columns["own"])
    assert frame_of({"x": ["\ud800"]}, ["x"])["x"].tolist() == ["\ud800"]
    tasks: list[tuple[str, dict[str, Any]]] = [
        ("expect_column_values_to_be_of_type", {"column": "i", "type_": "int64"}),
        ("expect_column_values_to_be_in_set", {"column": "b", "value_set": [True, False]}),
    ]
    assert [one.success for one in ask(examiner, columns, *tasks, cells=["i", "b"])] == [True, True]
    assert [one.success for one in ask(examiner, columns, *tasks)] == [False, False]


def test_columns_have_the_types_that_they_came_with(examiner: Examiner) -> None:
    """A frame is what Arrow makes of the table: singles, small integers, times, dates, decimals, categories."""
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, 600, dt.UTC)
    table = pa.table(
        {
            "single": pa.array([0.3, None, float("nan")], pa.float32()),
            "small": pa.array([1, 2, 3], pa.int8()),
            "holes": pa.array([1, None, 3], pa.int32()),
            "wide": pa.array([2**64 - 1, 0, 1], pa.uint64()),
            "nothing": pa.array([None] * 3, pa.float64()),
            "void": pa.nulls(3),
            "silent": pa.array([None] * 3, pa.large_string()),
            "truth": pa.array([True, None, False]),
            "local": pa.array(
                [moment.replace(tzinfo=None), None, moment.replace(year=1, tzinfo=None)], pa.timestamp("us")
            ),
            "zoned": pa.array([moment, None, moment], pa.timestamp("ms", "America/New_York")),
            "day": pa.array([moment.date(), None, moment.date()], pa.date32()),
            "clock": pa.array([moment.time(), None, moment.time()], pa.time64("us")),
            "price": pa.array([decimal.Decimal("1.10"), None, decimal.Decimal(3)], pa.decimal128(9, 2)),
            "kind": pa.array(["a", None, "b"]).dictionary_encode(),
            "octets": pa.array([b"\xff", None, b""]),
        }
    )
    types = {field.name: str(field.type) for field in table.schema}
    columns = {name: table[name].to_pylist() for name in types}
    wanted = table.to_pandas()
    sent = msgspec.msgpack.decode(
        msgspec.msgpack.encode(Job(columns, [], values=False, deadline_s=1.0, types=types)), type=Job
    )
    for given in (columns, sent.columns):
        pd.testing.assert_frame_equal(frame_of(given, (), sent.types), wanted)
    assert frame_of({"x": ["a", 1]}, (), {"x": "float"})["x"].tolist() == ["a", 1]
    assert frame_of({"x": [[1], [2]]}, (), {"x": "list<item: int64>", "y": "int64"})["x"].tolist() == [[1], [2]]
    tasks: list[tuple[str, dict[str, Any]]] = [
        ("expect_column_values_to_be_of_type", {"column": "single", "type_": "float32"}),
        ("expect_column_values_to_be_between", {"column": "local", "min_value": "0001-01-01T00:00:00"}),
        ("expect_column_values_to_be_null", {"column": "nothing"}),
    ]
    assert [(one.success, one.error) for one in ask(examiner, columns, *tasks, types=types)] == [(True, None)] * 3


def test_values_are_shown_only_when_asked_for(examiner: Examiner) -> None:
    """Examples of unexpected values, and numpy's own booleans and numbers, come as plain ones."""
    columns: dict[str, list[Any]] = {"x": list(range(100)), "c": ["secret"] * 100}
    tasks = (
        ("expect_column_values_to_be_in_set", {"column": "c", "value_set": ["open"]}),
        ("expect_column_quantile_values_to_be_between", SAID[9][1] | {"column": "x"}),
    )
    assert [one.values for one in ask(examiner, columns, *tasks)] == [None, None]
    shown = ask(examiner, columns, *tasks, values=True)
    assert shown[0].values == ["secret"] * 20
    assert shown[1].values is not None


def test_an_exploding_pattern_ends_at_its_turn(examiner: Examiner) -> None:
    """It gets the word `deadline`; the others before and after it are answered, by the same process."""
    columns: dict[str, list[Any]] = {"c": ["a" * 40 + "b"] * 10, "x": [1.0] * 10}
    pid = examiner.pid
    found = ask(
        examiner,
        columns,
        ("expect_column_values_to_match_regex", {"column": "c", "regex": EXPLODING}),
        ("expect_column_values_to_match_regex", {"column": "c", "regex": "^a"}),
        ("expect_column_values_to_not_be_null", {"column": "x"}),
        deadline_s=10.0,
    )
    assert [one.error for one in found] == ["deadline", None, None]
    assert examiner.pid == pid


def test_waiting_for_the_processor_is_not_late(examiner: Examiner) -> None:
    """A process that is not let run for longer than its deadline answers all the same."""
    ask(examiner, {"x": [1]}, ("expect_column_to_exist", {"column": "x"}))
    assert examiner.pid is not None
    process = psutil.Process(examiner.pid)
    timer = threading.Timer(4.0, process.resume)
    process.suspend()
    timer.start()
    columns: dict[str, list[Any]] = {"x": [1.0] * 10}
    tasks = [("expect_column_values_to_not_match_regex", {"column": "x", "regex": f"{n}"}) for n in range(5)]
    found = ask(examiner, columns, *tasks, deadline_s=3.0)
    timer.join()
    assert [one.error for one in found] == [None] * 5


def test_ten_thousand_expectations_end_in_time(examiner: Examiner) -> None:
    """What there is no time for is said to be late, nothing runs after that, and every expectation is answered once."""
    columns = {"x": [float(number) for number in range(100)]}
    tasks = [("expect_column_values_to_be_between", {"column": "x", "min_value": number}) for number in range(10_000)]
    started = time.monotonic()
    found = ask(examiner, columns, *tasks, deadline_s=4.0)
    assert time.monotonic() - started < 60
    assert [one.number for one in found] == list(range(10_000))
    errors = [one.error for one in found]
    done = errors.count(None)
    assert done > 0
    assert errors == [None] * done + ["deadline"] * (10_000 - done)


def test_a_killed_process_is_replaced(examiner: Examiner) -> None:
    """The job under way is given up with a word; the next one is answered by another process."""
    ask(examiner, {"x": [1]}, ("expect_column_to_exist", {"column": "x"}))
    pid = examiner.pid
    assert pid is not None
    timer = threading.Timer(0.5, os.kill, (pid, signal.SIGKILL))
    timer.start()
    tasks = [
        Task(number, "expect_column_values_to_match_regex", {"column": "c", "regex": EXPLODING}) for number in range(50)
    ]
    with pytest.raises(GoneError, match="worker_died"):
        list(examiner.answers({"c": ["a" * 40 + "b"] * 10}, tasks, values=False, deadline_s=60.0))
    timer.join()
    assert not psutil.pid_exists(pid)
    (answer,) = ask(examiner, {"x": [1]}, ("expect_column_to_exist", {"column": "x"}))
    assert answer.success
    assert examiner.pid != pid


def test_it_ends_when_nobody_needs_it(tmp_path: Path, examiner: Examiner) -> None:
    """After its time of rest, and with the service that started it."""
    del tmp_path
    ask(examiner, {"x": [1]}, ("expect_column_to_exist", {"column": "x"}))
    pid = examiner.pid
    examiner.rest()
    assert examiner.pid == pid
    idle = Examiner(Bounds(idle_s=-1.0), home=Path("/tmp"))  # noqa: S108 - nothing is written
    idle._process, examiner._process = examiner._process, None
    idle.rest()
    assert idle.pid is None
    assert pid is not None
    assert not psutil.pid_exists(pid)


def test_the_network_is_out_of_reach(tmp_path: Path) -> None:
    """Great Expectations is imported and validates although every socket raises; a socket made there raises too."""
    program = (
        "import sys, io; from app.quality import worker, job\n"
        "tasks = [job.Task(0, 'expect_column_values_to_not_be_null', {'column': 'x'})]\n"
        "jobs = io.BytesIO(job.packed(job.Job({'x': [1, None]}, tasks, False, 60.0)))\n"
        "answers = io.BytesIO(); worker.serve(jobs, answers)\n"
        "assert b'number' in answers.getvalue()\n"
        "import socket\n"
        "try: socket.create_connection(('127.0.0.1', 9))\n"
        "except PermissionError: print('sealed')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "HOME": str(tmp_path), "GX_ANALYTICS_ENABLED": "false"},
    )
    assert ran.stdout.strip().endswith("sealed"), ran.stderr


def test_memory_is_bounded(tmp_path: Path) -> None:
    """A limit that the library does not fit in ends the process, and the caller is told."""
    small = Examiner(Bounds(memory_bytes=200 * 2**20), home=tmp_path)
    with pytest.raises(GoneError, match="worker_died"):
        ask(small, {"x": [1]}, ("expect_column_to_exist", {"column": "x"}))
    assert small.pid is None
