"""The service as a user sees it: models, baselines, batches and reads over HTTP."""

import datetime as dt
import re
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import httpx
from prometheus_client.parser import text_string_to_metric_families

from acceptance.oracle import EPOCH, Expected, Feature, Rules, category, instant, merge
from service import Service

HOUR: Final = 3600 * 10**6
PROBLEM: Final = frozenset({"type", "title", "status", "detail", "instance", "code", "retryable", "stored"})

Counts = dict[tuple[str, int], dict[str, list[int]]]


def now_us() -> int:
    """This machine's clock in microseconds since 1970."""
    return time.time_ns() // 1000


def iso(moment: int) -> str:
    """An instant as RFC 3339 in UTC."""
    return (EPOCH + dt.timedelta(microseconds=moment)).isoformat().replace("+00:00", "Z")


def micros(text: str) -> int:
    """An RFC 3339 instant as microseconds since 1970."""
    return (dt.datetime.fromisoformat(text) - EPOCH) // dt.timedelta(microseconds=1)


def good(response: httpx.Response) -> Any:
    """The body of an answer that must be a success."""
    if not response.is_success:
        raise AssertionError(
            f"{response.request.method} {response.request.url}: {response.status_code} {response.text}"
        )
    return response.json() if response.content else None


def problem(response: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """The body of an answer that must be a complete problem document of this status."""
    assert response.status_code == status, (response.status_code, response.text[:500])
    assert response.headers["content-type"].startswith("application/problem+json")
    body: dict[str, Any] = response.json()
    assert body.keys() >= PROBLEM
    assert body["status"] == status
    assert body["stored"] in {"none", "unknown"}
    assert isinstance(body["retryable"], bool)
    assert code is None or body["code"] == code
    return body


def one(scores: Sequence[Mapping[str, Any]], feature: str, statistic: str) -> Mapping[str, Any]:
    """The single score of a feature and a statistic."""
    found = [score for score in scores if score["feature"] == feature and score["statistic"] == statistic]
    assert len(found) == 1, (feature, statistic, len(found))
    return found[0]


class Model:
    """One model of the service."""

    def __init__(self, service: Service, name: str) -> None:
        self.service = service
        self.name = name
        self.path = f"/v1/models/{quote(name, safe='')}"

    @property
    def client(self) -> httpx.Client:
        """The HTTP client of the service as it runs now."""
        return self.service.client

    def put(self, **settings: object) -> Any:
        """Create or change the model."""
        return good(self.client.put(self.path, json=settings))

    def baseline(self, content: bytes, content_type: str = "application/json", **query: str) -> Any:
        """Upload and activate a baseline."""
        asked = {"activate": "true"} | query
        headers = {"Content-Type": content_type}
        return good(self.client.post(f"{self.path}/baselines", params=asked, content=content, headers=headers))

    def read_baseline(self, number: int = 1, **query: str) -> Any:
        """A baseline as published."""
        return good(self.client.get(f"{self.path}/baselines/{number}", params=query))

    def features(self, rows: Iterable[object] = (), number: int = 1, *, text: bool = False) -> list[Feature]:
        """The published features; the baseline's accepted rows tell which categories are known beside the bins."""
        mapped = [row for row in rows if isinstance(row, Mapping)]
        held = [row for row in mapped if not isinstance(instant(row.get("timestamp"), Rules(), text=text), str)]
        found = []
        for name, one in self.read_baseline(number)["features"].items():
            known = set()
            if one["kind"] == "categorical":
                read = (category(row.get(name), text=text) for row in held)
                known = {word for kind, word in read if kind == "category"}
            found.append(Feature(name, one["kind"], one["bins"], known))
        return found

    def batch(
        self, content: bytes, content_type: str = "application/json", *, batch_id: str | None = None, **query: str
    ) -> httpx.Response:
        """Send a batch under its own id and answer whatever came back."""
        where = f"{self.path}/batches/{quote(batch_id or str(uuid.uuid4()), safe='')}"
        return self.client.put(where, params=query, content=content, headers={"Content-Type": content_type})

    def histograms(self, windows: Sequence[Mapping[str, object]], **query: str) -> httpx.Response:
        """Send pre-binned windows of baseline 1."""
        body = {"baseline": 1, "version": query.pop("version", "default"), "windows": windows}
        return self.client.put(f"{self.path}/histograms/{uuid.uuid4()}", params=query, json=body)

    def windows(self, **query: str) -> list[dict[str, Any]]:
        """The stored windows."""
        found: list[dict[str, Any]] = good(self.client.get(f"{self.path}/windows", params=query))
        return found

    def counts(self) -> Counts:
        """All stored counts by (version, window start), then feature; each checked against the window's rows."""
        total: Counts = {}
        for window in self.windows():
            path = f"{self.path}/windows/{quote(window['start'], safe='')}/histograms"
            read = good(self.client.get(path, params={"version": window["version"]}))
            assert read["rows"] == window["rows"]
            assert read["version"] == window["version"]
            assert micros(read["window_start"]) == micros(window["start"])
            assert micros(read["window_end"]) == micros(window["end"])
            key = (window["version"], micros(window["start"]))
            total[key] = {name: [b["count"] for b in one["bins"]] for name, one in read["features"].items()}
            for name, counts in total[key].items():
                assert sum(counts) == window["rows"], (key, name)
        return total

    def evaluate(self, **query: str) -> Any:
        """Evaluate now."""
        return good(self.client.post(f"{self.path}/evaluate", params=query))

    def scores(self, **query: str) -> list[dict[str, Any]]:
        """The stored scores."""
        found: list[dict[str, Any]] = good(self.client.get(f"{self.path}/scores", params=query))
        return found


class World:
    """A service, and the models of one test."""

    def __init__(self, service: Service, prefix: str) -> None:
        self.service = service
        self.prefix = re.sub(r"[^a-z0-9]+", "-", prefix.lower()).strip("-")
        self.client = service.client

    def model(self, suffix: str = "", **settings: object) -> Model:
        """A new model of this test."""
        model = Model(self.service, f"{self.prefix}{suffix}-{uuid.uuid4().hex[:8]}")
        model.put(**settings)
        return model

    def metrics(self, model: Model) -> dict[tuple[str, ...], float]:
        """The samples on /metrics of one model, keyed by name and the other labels' values in order of their names."""
        found = {}
        for family in text_string_to_metric_families(self.client.get("/metrics").text):
            for sample in family.samples:
                if sample.labels.get("model") == model.name:
                    others = (value for label, value in sorted(sample.labels.items()) if label != "model")
                    key = (sample.name, *others)
                    assert key not in found
                    found[key] = sample.value
        return found


def check_receipt(receipt: Mapping[str, Any], expected: Expected) -> None:
    """Compare a receipt with what the oracle made of the same body."""
    assert receipt["rows"] == {
        "received": expected.received,
        "accepted": expected.accepted,
        "late": expected.late,
        "future": expected.future,
        "rejected": len(expected.rejections),
    }
    assert [(one["row"], one["reason"]) for one in receipt["rejections"]] == expected.rejections[:100]
    assert receipt["ignored_features"]["count"] == len(expected.ignored)
    assert set(receipt["ignored_features"]["sample"]) <= expected.ignored
    assert bool(receipt["ignored_features"]["sample"]) == bool(expected.ignored)
    starts: dict[int, int] = {}
    for (_, start), rows in expected.rows.items():
        starts[start] = starts.get(start, 0) + rows
    assert {micros(one["start"]): one["rows"] for one in receipt["windows"]} == starts
    assert len(receipt["windows"]) == len(starts)
    assert receipt["untimed"] == expected.untimed
    assert receipt["duplicate"] is False


def check_counts(model: Model, parts: Iterable[Expected]) -> None:
    """Compare everything that the model stores with the sum of what the oracle counted."""
    stored, expected = model.counts(), merge(parts)
    assert stored.keys() == expected.keys()
    for key, features in expected.items():
        for name, counts in features.items():
            assert stored[key][name] == counts, (key, name)
