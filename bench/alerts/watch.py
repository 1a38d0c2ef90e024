"""The service as the benchmark uses it: a baseline, backfilled batches, one evaluation, and what can be read then."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import pyarrow as pa
from alerts.streams import DAY_US, WEEK_US, Stream, between, times_of
from numpy.typing import NDArray

from app.cli.demo.process import Serving

ARROW: Final = "application/vnd.apache.arrow.stream"
PATIENT: Final = {
    "DRIFTGAUGE_EVALUATE_INTERVAL": "10h",
    "DRIFTGAUGE_FOLD_INTERVAL": "10h",
    "DRIFTGAUGE_REQUEST_DEADLINE": "2h",
    "DRIFTGAUGE_DATABASE_DEADLINE": "10m",
}
BATCH_US: Final = WEEK_US
SEPARATOR: Final = "\x1f"

Doubles = NDArray[np.float64]
Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Score:
    """One statistic of one feature and version over its judged windows, (W,), in time order."""

    starts: Times
    values: Doubles
    p_values: Doubles
    rows: Doubles


Scores = dict[tuple[str, str, str], Score]
"""By version, feature and statistic."""
Spans = dict[tuple[str, str], list[tuple[int, int | None]]]
"""Episodes, [start, end) in microseconds, by version and feature."""


@contextmanager
def service() -> Iterator[httpx.Client]:
    """A service of our own on an empty folder, gone at the end."""
    os.environ.update(PATIENT)
    with (
        tempfile.TemporaryDirectory(prefix="driftgauge-bench-") as folder,
        Serving(Path(folder), port=0) as serving,
        httpx.Client(base_url=serving.url, timeout=7200.0) as client,
    ):
        yield client


class Watch:
    """One stream in the service, as a model of its own."""

    def __init__(self, client: httpx.Client, stream: Stream, *, name: str) -> None:
        """Describe the model and upload its baseline."""
        self._client = client
        self._path = f"/v1/models/{name}"
        self.stream = stream
        self._call("PUT", "", json=dict(stream.configuration))
        headers = {"Content-Type": ARROW}
        self._call("POST", "/baselines?activate=true", content=_arrow(stream.reference), headers=headers)
        self._bins = self._call("GET", "/baselines/1")["features"]

    def send(self, rows: pa.Table, *, version: str = "default") -> None:
        """Backfill rows, a week a batch."""
        times = times_of(rows)
        for first in range(self.stream.watched_from_us, int(times[-1]) + 1, BATCH_US):
            part = between(rows, first, first + BATCH_US)
            query = f"version={version}&backfill=true"
            url = f"/batches/{version}-{(first - self.stream.watched_from_us) // DAY_US}?{query}"
            receipt = self._call("PUT", url, content=_arrow(part), headers={"Content-Type": ARROW})
            assert receipt["rows"]["accepted"] == part.num_rows

    def evaluate(self) -> int:
        """Evaluate all that was sent; gives the number of windows."""
        return int(self._call("POST", "/evaluate")["windows"])

    def episodes(self) -> Spans:
        """The stored episodes."""
        found: Spans = {}
        for one in self._call("GET", "/episodes"):
            found.setdefault((one["version"], one["feature"] or ""), []).append(_span(one))
        return found

    def backtested(self, thresholds: list[Mapping[str, object]]) -> Spans:
        """The episodes that other thresholds would have made."""
        found: Spans = {}
        answer = self._call("POST", "/backtest", json={"thresholds": thresholds})
        for feature, told in answer["features"].items():
            for one in told["episodes"]:
                found.setdefault((one["version"], feature), []).append(_span(one))
        return found

    def scores(self, statistic: str) -> Scores:
        """One statistic of every version and feature, as Arrow; windows of too few rows are left out."""
        answer = self._client.get(f"{self._path}/scores", params={"statistic": statistic}, headers={"Accept": ARROW})
        answer.raise_for_status()
        table = pa.ipc.open_stream(answer.content).read_all().drop_columns(["statistic", "status"])
        frame = {name: table.column(name).to_numpy(zero_copy_only=False) for name in table.column_names}
        starts = np.array([text.rstrip("Z") for text in frame["window_start"]], "datetime64[us]").astype(np.int64)
        values = frame["value"].astype(float)
        key = np.char.add(np.char.add(frame["version"].astype(str), SEPARATOR), frame["feature"].astype(str))
        found: Scores = {}
        for name in np.unique(key).tolist():
            mine = (key == name) & np.isfinite(values)
            version, _, feature = name.partition(SEPARATOR)
            found[version, feature, statistic] = Score(
                starts[mine], values[mine], frame["p_value"][mine].astype(float), frame["rows"][mine].astype(float)
            )
        return found

    def finite(self, feature: str) -> tuple[int, int]:
        """Finite (or all, of a category) baseline rows and the number of groups that hold any."""
        bins = self._bins[feature]["bins"]
        counted = sum(one["count"] for one in bins if one["kind"] in {"range", "value"})
        groups = {one["group"] for one in bins if one["count"]}
        return counted or sum(one["count"] for one in bins), len(groups)

    def _call(self, method: str, path: str, **what: Any) -> Any:
        answer = self._client.request(method, self._path + path, **what)
        if not answer.is_success:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()


def _span(one: Mapping[str, Any]) -> tuple[int, int | None]:
    return _micros(one["start"]), None if one["end"] is None else _micros(one["end"])


def _micros(text: str) -> int:
    return int(np.datetime64(text.rstrip("Z"), "us").astype(np.int64))


def _arrow(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue().to_pybytes())
