"""Suites and limits that bring validation down: batches are taken, windows scored, and every result comes."""

import datetime as dt
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import pytest

from service import Service, until

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(900)]

HOUR: Final = 3600
MANY: Final = 10_000
EXPLODING: Final = "(?=a)(a+)+$"


def window(back: int) -> int:
    """Start of a closed window, as Unix time."""
    return (int(time.time()) // HOUR - back) * HOUR


def body(start: int, count: int, *, seed: int = 0) -> str:
    """Rows of one window: a number, nothing, and text that a bad pattern chews on."""
    rng = np.random.default_rng(seed)
    times = [dt.datetime.fromtimestamp(start + n * HOUR / count, dt.UTC).isoformat() for n in range(count)]
    columns = {"x": rng.normal(size=count).tolist(), "empty": [None] * count, "c": ["a" * 40 + "b"] * count}
    return json.dumps({"columns": {"timestamp": times, **columns}})


@contextmanager
def running(**settings: str) -> Iterator[Service]:
    """A service with a model and a baseline."""
    with Service({f"DRIFTGAUGE_{name}": value for name, value in settings.items()}) as service:
        features = {"x": {"kind": "numeric"}, "empty": {"kind": "numeric"}, "c": {"kind": "categorical"}}
        assert service.client.put("/v1/models/m", json={"features": features}).status_code == 201
        made = service.client.post("/v1/models/m/baselines?activate=true", content=body(window(40), 500))
        assert made.status_code == 201, made.text
        yield service


def judged(service: Service, suite: list[dict[str, Any]], *, starts: list[int]) -> list[list[dict[str, Any]]]:
    """The results of a suite in these windows; batches come and windows are scored all the while."""
    client = service.client
    posted = client.post("/v1/models/m/expectations", json={"name": "bad", "expectations": suite})
    assert posted.status_code == 201, posted.text[:500]
    sent = 0
    for start in starts:
        assert client.put(f"/v1/models/m/batches/w{start}", content=body(start, 100)).status_code == 200
    found: list[dict[str, Any]] = []

    def there() -> bool:
        nonlocal sent
        sent += 1
        answer = client.put(f"/v1/models/m/batches/b{sent}", content=body(window(0), 20, seed=sent))
        assert answer.status_code == 200, answer.text
        assert client.post("/v1/models/m/evaluate").status_code == 200
        url = f"/v1/models/m/expectations/results?from={min(starts)}&to={max(starts) + HOUR}"
        found[:] = client.get(url).json()
        return len(found) == len(starts)

    until(there, seconds=600, what=f"results\n{service.tail()}")
    told = client.get(f"/v1/models/m/windows?from={min(starts)}&to={max(starts) + HOUR}").json()
    assert [one["status"] for one in told] == ["scored"] * len(starts)
    assert client.get("/v1/admin/ledger-balance?model=m").json()["imbalance"] == 0
    return [one["results"] for one in found]


def test_ten_thousand_expectations_all_get_a_result() -> None:
    """Among them a pattern that explodes, columns that nobody has, and columns without any value."""
    quantiles = {"quantiles": [0.1, 0.9], "value_ranges": [[-5, 0], [0, 5]]}
    suite: list[dict[str, Any]] = [
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "c", "regex": EXPLODING}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "nobody"}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "empty", "min_value": 1.5}},
        {"type": "expect_column_max_to_be_between", "kwargs": {"column": "empty", "max_value": 1.5}},
        {
            "type": "expect_column_quantile_values_to_be_between",
            "kwargs": {"column": "x", "quantile_ranges": quantiles},
        },
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "empty"}},
    ]
    suite += [
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "x", "min_value": -4.001 - n / 1e6}}
        for n in range(MANY - len(suite))
    ]
    with running(EXPECTATION_DEADLINE="10s") as service:
        (found,) = judged(service, suite, starts=[window(3)])
    assert len(found) == MANY
    errors = Counter(one["error"] for one in found)
    assert set(errors) <= {None, "deadline", "missing_column"}
    assert errors[None] > 100
    assert found[0]["error"] == "deadline"
    assert found[1]["error"] == "missing_column"
    assert (found[2]["success"], found[2]["unexpected_ratio"]) == (True, None)
    assert (found[5]["success"], found[5]["unexpected_ratio"], found[5]["exact"]) == (False, 1.0, True)


def test_a_process_without_memory_costs_only_what_it_was_asked() -> None:
    """Where the library does not fit, the sample's expectations say so in each window, and counts decide the others."""
    suite = [
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "x"}},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x"}},
        {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 100}},
    ]
    with running(EXPECTATION_MEMORY="209715200") as service:
        for found in judged(service, suite, starts=[window(4), window(3)]):
            assert [(one["success"], one["error"]) for one in found] == [
                (False, "worker_died"),
                (True, None),
                (True, None),
            ]
