"""Suites of expectations from post to result, against Great Expectations on the very rows."""

import contextlib
import datetime as dt
import io
import json
import os
import signal
import time
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from quality.direct import direct, library
from quality.dirty import CARRIERS, KINDS, frame, rows
from service import Service, until

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(600)]

HOUR: Final = 3600
PATIENCE: Final = 400.0
SETTINGS: Final = {"DRIFTGAUGE_RESERVOIR_SIZE": "800", "DRIFTGAUGE_EXPECTATION_IDLE": "1s"}
OWN: Final[list[dict[str, Any]]] = [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "delay", "mostly": 0.95}},
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "carrier", "value_set": list(CARRIERS)}},
    {
        "type": "expect_column_values_to_match_regex",
        "kwargs": {"column": "tail", "regex": "^N[0-9]{3}$", "mostly": 0.5},
    },
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "delay", "max_value": 40.5, "mostly": 0.8}},
    {
        "type": "expect_column_value_lengths_to_equal",
        "kwargs": {"column": "carrier", "value": 2},
        "severity": "warning",
    },
    {"type": "expect_column_values_to_be_in_type_list", "kwargs": {"column": "seats", "type_list": ["int64"]}},
    {"type": "expect_column_pair_values_a_to_be_greater_than_b", "kwargs": {"column_A": "seats", "column_B": "fee"}},
]


def window(back: int) -> int:
    """Start of a closed window, as Unix time."""
    return (int(time.time()) // HOUR - back) * HOUR


def stamps(start: int, count: int) -> list[str]:
    """Times within one window."""
    return [dt.datetime.fromtimestamp(start + n * HOUR / count, dt.UTC).isoformat() for n in range(count)]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service with a model and a baseline of four weeks."""
    with Service(SETTINGS) as running:
        client = running.client
        features: dict[str, Any] = {name: {"kind": kind.value} for name, kind in KINDS.items()}
        features["secret"] = {"kind": "categorical", "sensitive": True}
        assert client.put("/v1/models/air", json={"features": features}).status_code == 201
        first = window(24 * 28 + 48)
        columns = rows(24 * 28 * 60, seed=1)
        times = [stamps(first + hour * HOUR, 60) for hour in range(24 * 28)]
        file = io.BytesIO()
        table = pa.table(
            {"timestamp": [one for hour in times for one in hour], "secret": ["s"] * len(columns["fee"])} | columns
        )
        pq.write_table(table, file)
        made = client.post(
            "/v1/models/air/baselines?activate=true",
            content=file.getvalue(),
            headers={"Content-Type": "application/vnd.apache.parquet"},
        )
        assert made.status_code == 201, made.text
        yield running


def put(service: Service, batch: str, columns: Mapping[str, list[Any]], start: int) -> dict[str, Any]:
    """The receipt of rows within one window; Python writes what is no number as NaN."""
    content = json.dumps({"columns": {"timestamp": stamps(start, len(columns["delay"])), **columns}})
    answer = service.client.put(f"/v1/models/air/batches/{batch}", content=content)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def results(service: Service, start: int, suite: str, *, rows: int) -> dict[str, Any]:
    """What became of a suite in one window once it holds so many rows, waited for."""
    found: list[dict[str, Any]] = []
    when = {"from": str(start), "to": str(start + HOUR), "suite": suite}

    def there() -> bool:
        found[:] = service.client.get("/v1/models/air/expectations/results", params=when).json()
        return bool(found) and found[0]["rows"] == rows

    until(there, seconds=PATIENCE, what=f"a validation\n{service.tail()}")
    assert len(found) == 1
    return found[0]


def loaded(process: psutil.Process) -> str:
    """The libraries that a process has mapped."""
    return Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")


def test_without_a_suite_there_is_neither_process_nor_sample(service: Service) -> None:
    """The service itself never loads pandas or Great Expectations, and starts nothing before a suite is posted."""
    start = window(30)
    put(service, "idle", rows(50, seed=5), start)
    assert service.client.post("/v1/models/air/evaluate").status_code == 200
    assert service.process is not None
    process = psutil.Process(service.process.pid)
    assert [one for one in process.children() if "app.quality.worker" in one.cmdline()] == []
    assert "pandas" not in loaded(process)
    assert service.client.get("/v1/models/air/expectations").json() == []


def test_results_are_those_of_the_library(service: Service) -> None:
    """On a window that fits in the sample everything is equal; the suite's JSON is the library's own."""
    suite = library().ExpectationSuite(name="own", expectations=OWN).to_json_dict()
    made = service.client.post("/v1/models/air/expectations", json=json.loads(json.dumps(suite)))
    assert made.status_code == 201, made.text
    assert {name: made.json()[name] for name in ("version", "status", "name")} == {
        "version": 1,
        "status": "active",
        "name": "own",
    }
    assert [one["exact"] for one in made.json()["expectations"]] == [True] + [False] * 6
    start, columns = window(20), rows(600, seed=6)
    half = (
        {name: values[:250] for name, values in columns.items()},
        {name: values[250:] for name, values in columns.items()},
    )
    for number, part in enumerate(half):
        assert put(service, f"equal-{number}", part, start)["rows"]["accepted"] == len(part["fee"])
        assert put(service, f"equal-{number}", part, start)["duplicate"]
    service.client.post("/v1/models/air/evaluate")
    found = results(service, start, "own", rows=600)
    assert (found["rows"], found["sample_rows"], found["suite_version"]) == (600, 600, 1)
    truth = direct(frame(columns), OWN)
    for expectation, result, (success, share) in zip(OWN, found["results"], truth, strict=True):
        assert (result["expectation"], result["kwargs"]) == (expectation["type"], expectation["kwargs"])
        assert result["severity"] == expectation.get("severity", "critical")
        assert (result["success"], result["error"]) == (success, None), result
        assert result["unexpected_ratio"] == (None if share is None else pytest.approx(share)), result
        assert set(result) == {"expectation", "kwargs", "severity", "success", "unexpected_ratio", "exact", "error"}
    assert service.process is not None
    assert "pandas" not in loaded(psutil.Process(service.process.pid))


def test_a_larger_window_is_sampled_and_counted(service: Service) -> None:
    """Shares are within sampling error, those marked exact are exact, over formats, versions and batches."""
    start, columns = window(19), rows(6000, seed=7)
    table = pa.table({"timestamp": stamps(start, 6000), **columns})
    for number in range(6):
        part, file = table.slice(number * 1000, 1000), io.BytesIO()
        if number % 2:
            pq.write_table(part, file)
            kind = "application/vnd.apache.parquet"
        else:
            file.write(part.to_pandas().to_csv(index=False).encode())
            kind = "text/csv"
        url = f"/v1/models/air/batches/large-{number}?version=v7"
        answer = service.client.put(url, content=file.getvalue(), headers={"Content-Type": kind})
        assert answer.json()["rows"]["accepted"] == 1000, answer.text
    service.client.post("/v1/models/air/evaluate")
    found = results(service, start, "own", rows=6000)
    assert (found["version"], found["rows"], found["sample_rows"]) == ("v7", 6000, 800)
    for result, (_, share) in zip(found["results"], direct(frame(columns), OWN), strict=True):
        if share is None or result["unexpected_ratio"] is None:
            continue
        error = 1e-12 if result["exact"] else 5 * np.sqrt(max(share * (1 - share), 0.001) / 800)
        assert abs(result["unexpected_ratio"] - share) <= error, result
    assert found["results"][0]["exact"]
    assert service.process is not None
    assert "pandas" not in loaded(psutil.Process(service.process.pid))
    where = (
        'model="air",version="v7",expectation="expect_column_values_to_not_be_null",feature="delay",severity="critical"'
    )
    until(lambda: f"drift_expectation_success{{{where}}} 0" in service.client.get("/metrics").text, what="the gauge")


def test_bad_expectations_are_told_apart(service: Service) -> None:
    """A hanging one, a missing column, a secret one: each gets its word; ingest and scoring go on."""
    suite = {
        "name": "bad",
        "expectations": [
            {
                "type": "expect_column_values_to_match_regex",
                "kwargs": {"column": "tail", "regex": "(?=N)(N|NN|[^x])+$x"},
            },
            {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "long", "regex": "(?=a)(a+)+$"}},
            {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "secret"}},
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "secret"}},
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "seats", "min_value": 0}},
        ],
    }
    assert service.client.post("/v1/models/air/expectations", json=suite).status_code == 201
    start, columns = window(18), rows(400, seed=8)
    columns["tail"] = ["N" * 60] * 400
    columns["secret"] = ["very secret"] * 400
    put(service, "bad", columns, start)
    service.client.post("/v1/models/air/evaluate")
    found = results(service, start, "bad", rows=400)
    assert [one["error"] for one in found["results"]] == ["deadline", "missing_column", "sensitive_column", None, None]
    assert [one["success"] for one in found["results"]] == [False, False, False, True, True]
    assert "very secret" not in json.dumps(found)
    assert service.client.delete("/v1/models/air/expectations/bad").status_code == 204
    assert [one["name"] for one in service.client.get("/v1/models/air/expectations?status=active").json()] == ["own"]


def test_a_killed_process_touches_nothing_else(service: Service) -> None:
    """Ingest and scoring answer while the process that validates is killed again and again; results still come."""
    start = window(17)
    assert service.process is not None
    process, killed, number = psutil.Process(service.process.pid), 0, 0
    end = time.monotonic() + 60
    while killed < 2 and time.monotonic() < end:
        number += 1
        put(service, f"kill-{number}", rows(20, seed=number), start)
        assert service.client.post("/v1/models/air/evaluate").status_code == 200
        for child in process.children():
            with contextlib.suppress(psutil.NoSuchProcess):  # one killed before may not be buried yet
                if "app.quality.worker" in child.cmdline():
                    os.kill(child.pid, signal.SIGKILL)
                    killed += 1
        time.sleep(0.2)
    assert killed == 2
    assert all(window["status"] == "scored" for window in service.client.get("/v1/models/air/windows").json())
    put(service, "kill-final", rows(20, seed=0), start)

    found = results(service, start, "own", rows=20 * (number + 1))
    assert {one["error"] for one in found["results"]} == {None}
    assert service.client.get("/v1/admin/ledger-balance?model=air").json()["imbalance"] == 0


def test_a_derived_suite_tells_ordinary_from_broken(service: Service) -> None:
    """What a baseline gives passes on a day that it has not seen, and fails on every kind of break."""
    client = service.client
    made = client.post("/v1/models/air/expectations/from-baseline")
    assert made.status_code == 201, made.text
    derived = {one["type"] for one in made.json()["expectations"]}
    assert len(derived) == 5
    breaks: dict[str, tuple[str, Any]] = {
        "nulls": ("seats", lambda values: [None if n % 3 == 0 else value for n, value in enumerate(values)]),
        "range": ("seats", lambda values: [value * 60 for value in values]),
        "set": ("carrier", lambda values: ["??" if n % 3 == 0 else value for n, value in enumerate(values)]),
        "type": ("seats", lambda values: [f"{value} seats" if n % 3 == 0 else value for n, value in enumerate(values)]),
        "shape": ("delay", lambda values: [None if value is None else 5.0 for value in values]),
    }
    for number, name in enumerate(["ordinary", "ordinary", *breaks]):
        columns = rows(300, seed=20 + number) | {"secret": ["s"] * 300}
        if name in breaks:
            column, broken = breaks[name]
            columns[column] = broken(columns[column])
        put(service, f"derived-{number}", columns, window(12 - number))
    client.post("/v1/models/air/evaluate")
    for number, name in enumerate(["ordinary", "ordinary", *breaks]):
        found = results(service, window(12 - number), "baseline", rows=300)
        failed = [(one["expectation"], one["kwargs"]["column"]) for one in found["results"] if not one["success"]]
        if name == "ordinary":
            assert failed == []
        else:
            assert breaks[name][0] in {column for _, column in failed}, (name, failed)


def test_a_derived_suite_takes_numbers_for_the_categories_they_are(service: Service) -> None:
    """A categorical feature that comes as numbers, as booleans or as text passes what its own baseline gave."""
    client = service.client
    features = {"code": {"kind": "categorical"}, "flag": {"kind": "categorical"}, "x": {"kind": "numeric"}}
    assert client.put("/v1/models/coded", json={"features": features}).status_code == 201
    rng = np.random.default_rng(3)

    def columns(count: int) -> dict[str, list[Any]]:
        codes = rng.integers(1, 6, count).tolist()
        return {"code": codes, "flag": (rng.random(count) < 0.3).tolist(), "x": rng.integers(0, 50, count).tolist()}

    start = window(500)
    times = [one for hour in range(400) for one in stamps(start + hour * HOUR, 40)]
    body = json.dumps({"columns": {"timestamp": times, **columns(len(times))}})
    made = client.post("/v1/models/coded/baselines?activate=true", content=body)
    assert made.status_code == 201, made.text
    assert client.post("/v1/models/coded/expectations/from-baseline").status_code == 201
    asked = {
        "name": "asked",
        "expectations": [
            {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "code", "value_set": [1, 2, 3]}},
            {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "flag", "value_set": [True, False]}},
            {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "who", "regex": "^w[0-9]+$"}},
            {"type": "expect_table_column_count_to_equal", "kwargs": {"value": 6}},
        ],
    }
    assert client.post("/v1/models/coded/expectations", json=asked).status_code == 201
    given = [columns(100) | {"who": [f"w{n}" for n in range(100)], "more": [0] * 100} for _ in range(3)]
    bodies: list[tuple[str, str | bytes]] = []
    for number, one in enumerate(given):
        full = {"timestamp": stamps(window(9 - number), 100), **one}
        text = {
            name: [value if isinstance(value, str) else json.dumps(value) for value in values]
            for name, values in full.items()
        }
        csv = frame(full).to_csv(index=False)
        body = json.dumps({"columns": text if number == 1 else full})
        bodies.append(("text/csv", csv) if number == 2 else ("application/json", body))
    for number, (kind, content) in enumerate(bodies):
        url = f"/v1/models/coded/batches/c{number}"
        answer = client.put(url, content=content, headers={"Content-Type": kind})
        assert answer.json()["rows"]["accepted"] == 100, answer.text
    client.post("/v1/models/coded/evaluate")
    for number, (kind, _) in enumerate(bodies):
        start = window(9 - number)
        found: list[dict[str, Any]] = []
        when = {"from": str(start), "to": str(start + HOUR)}

        def there(when: dict[str, str] = when, found: list[dict[str, Any]] = found) -> bool:
            found[:] = client.get("/v1/models/coded/expectations/results", params=when).json()
            return len(found) == 2

        until(there, seconds=PATIENCE, what=f"a validation\n{service.tail()}")
        derived, own = found
        assert [one for one in derived["results"] if not one["success"]] == [], kind
        if number != 1:
            truth = direct(frame({"timestamp": [0] * 100, **given[number]}), asked["expectations"])  # type: ignore[arg-type]
            assert [(one["success"], one["unexpected_ratio"]) for one in own["results"]] == [
                (success, None if share is None else pytest.approx(share)) for success, share in truth
            ]
    assert client.delete("/v1/models/coded").status_code == 204


def test_versions_of_a_suite(service: Service) -> None:
    """A suite posted again is the next version and holds; an earlier one can be let hold again."""
    client = service.client
    small = {"name": "own", "expectations": OWN[:1]}
    assert client.post("/v1/models/air/expectations", json=small).json()["version"] == 2
    assert [(one["version"], one["status"]) for one in client.get("/v1/models/air/expectations?suite=own").json()] == [
        (1, "inactive"),
        (2, "active"),
    ]
    assert client.post("/v1/models/air/expectations/own/activate?version=1").json()["status"] == "active"
    assert client.post("/v1/models/air/expectations/nobody/activate").json()["code"] == "unknown-suite"
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: client.post("/v1/models/air/expectations?activate=false", json=small), range(8)))
    assert sorted(one.json()["version"] for one in made) == list(range(3, 11))
    actions = [one["action"] for one in client.get("/v1/audit").json()]
    assert {"expectations.create", "expectations.activate"} <= set(actions)


def test_the_command_line(service: Service, tmp_path: Path) -> None:
    """`init` writes what a baseline gives; `test` runs it on rows of a file, and ends with 1 when it is not met."""
    file, data = tmp_path / "suite.json", tmp_path / "rows.csv"
    written = service.run("expectations", "init", str(file), "--model", "air", timeout=PATIENCE)
    assert written.returncode == 0, written.stderr
    frame(rows(500, seed=40)).to_csv(data, index=False)
    again = service.run("expectations", "init", str(file), "--model", "air")
    assert again.returncode == 78
    document = json.loads(file.read_text())
    document["expectations"] = [one for one in document["expectations"] if one["kwargs"]["column"] != "secret"]
    file.write_text(json.dumps(document))
    passed = service.run("expectations", "test", str(file), "--data", str(data), timeout=PATIENCE)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    frame(rows(500, seed=40) | {"seats": [9999] * 500}).to_csv(data, index=False)
    failed = service.run("expectations", "test", str(file), "--data", str(data), timeout=PATIENCE)
    assert (failed.returncode, "NO" in failed.stdout) == (1, True)
    file.write_text('{"name":"s","expectations":[{"type":"expect_magic","kwargs":{}}]}')
    unknown = service.run("expectations", "test", str(file))
    assert (unknown.returncode, "expect_magic" in unknown.stderr) == (1, True)


def test_great_expectations_reads_the_views(service: Service) -> None:
    """A person's own checkpoint validates histograms and scores by SQL, with the library's Postgres source."""
    gx = library()
    lines = next(service.data_dir.rglob("postmaster.pid")).read_text(encoding="utf-8").splitlines()
    url = f"postgresql+psycopg://postgres@localhost:{lines[3]}/postgres?host={lines[4]}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = gx.get_context(mode="ephemeral").data_sources.add_postgres("monitor", connection_string=url)
        scores = source.add_query_asset(
            "scores", query="SELECT * FROM feature_score WHERE model = 'air' AND statistic = 'psi'"
        )
        suite = [
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "value", "min_value": 0}},
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "feature"}},
            {
                "type": "expect_column_values_to_be_in_set",
                "kwargs": {"column": "feature", "value_set": [*KINDS, "secret"]},
            },
            {"type": "expect_column_min_to_be_between", "kwargs": {"column": "rows", "min_value": 1}},
        ]
        seen = _validated(gx, scores, suite)
        assert [success for success, _ in seen] == [True] * 4, seen
        histograms = source.add_table_asset("histograms", table_name="feature_histogram")
        broken = "SELECT * FROM {batch} WHERE count < 0 OR label IS NULL"
        seen = _validated(
            gx,
            histograms,
            [
                {"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": broken}},
                {"type": "expect_column_values_to_be_between", "kwargs": {"column": "count", "min_value": 0}},
                {
                    "type": "expect_column_distinct_values_to_equal_set",
                    "kwargs": {"column": "model", "value_set": ["air"]},
                },
            ],
        )
        assert [success for success, _ in seen] == [True] * 3, seen
    told = service.client.get("/v1/models/air/scores?statistic=psi&feature=seats").json()
    assert told


def _validated(gx: Any, asset: Any, expectations: list[dict[str, Any]]) -> list[tuple[bool, Any]]:
    batch = asset.add_batch_definition_whole_table("all").get_batch()
    found = batch.validate(gx.ExpectationSuite(name="own", expectations=expectations))
    return [(result.success, result.exception_info) for result in found.results]


def test_a_baseline_is_exported_as_partition_objects_and_as_a_suite(service: Service) -> None:
    """Both are what the library takes: the suite is built there, each partition object is one of its own."""
    client = service.client
    suite = client.get("/v1/models/air/baselines/1?format=suite").json()
    built = library().ExpectationSuite(name=suite["name"], expectations=suite["expectations"])
    assert len(built.expectations) == len(suite["expectations"]) > 10
    partitions = client.get("/v1/models/air/baselines/1?format=gx").json()["features"]
    for name, kind in KINDS.items():
        partition = partitions[name]["partition"]
        weights = [*partition["weights"], *partition.get("tail_weights", ())]
        assert sum(weights) == pytest.approx(1)
        assert ("bins" in partition) == (kind.value == "numeric")
