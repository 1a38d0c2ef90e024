"""Models for a day of trouble: what their sidecars log, hour by hour and second by second."""

import csv
import datetime as dt
import io
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle, pairwise
from random import Random
from typing import Any, Final

import httpx

ROWS: Final = 60
WEEKS: Final = 3
FEATURES: Final = ("amount", "age", "country")
Row = dict[str, Any]
Fault = Callable[[Row, Random], None]


def null_storm(row: Row, random: Random) -> None:
    """Every second age is lost."""
    if random.random() < 0.5:
        row["age"] = None


def unit_change(row: Row, _: Random) -> None:
    """Amounts come in cents."""
    row["amount"] *= 100


def hour_of(start: dt.datetime, random: Random, *, fault: Fault | None = None) -> list[Row]:
    """The rows of one hour."""
    rows = []
    for n in range(ROWS):
        row: Row = {
            "timestamp": (start + dt.timedelta(seconds=n * 3600 // ROWS)).isoformat(),
            "amount": round(random.lognormvariate(3, 1), 2),
            "age": random.randint(18, 90),
            "country": random.choice(["DE", "DE", "DE", "FR", "NL"]),
        }
        if fault is not None:
            fault(row, random)
        rows.append(row)
    return rows


def make(client: httpx.Client, model: str, *, until: dt.datetime) -> None:
    """A model of hourly windows with three weeks of reference."""
    good(client.put(f"/v1/models/{model}", json={"window": "1h", "late_horizon": "72h"}))
    random, text = Random(model), io.StringIO()
    table = csv.DictWriter(text, ["timestamp", *FEATURES])
    table.writeheader()
    for hour in range(WEEKS * 7 * 24, 0, -1):
        table.writerows(hour_of(until - dt.timedelta(hours=hour), random))
    answer = client.post(
        f"/v1/models/{model}/baselines?activate=true", content=text.getvalue(), headers={"Content-Type": "text/csv"}
    )
    assert all(feature["calibrated"] for feature in good(answer)["features"].values()), answer.text


def send(client: httpx.Client, model: str, hour: dt.datetime, rows: Sequence[Row]) -> None:
    """Deliver an hour, again if need be, as a sidecar does."""
    path = f"/v1/models/{model}/batches/{hour:%Y%m%dT%H%M}"
    for _ in range(30):
        answer = client.put(path, json={"rows": rows})
        if answer.status_code not in {409, 429, 503}:
            break
        time.sleep(1)
    assert good(answer)["rows"]["accepted"] == len(rows), answer.text


def good(answer: httpx.Response) -> Any:
    """The document of an answer that is none of refusal."""
    assert answer.status_code < 300, answer.text
    return answer.json()


def make_live(client: httpx.Client, model: str) -> None:
    """A model of windows of two seconds whose reference is a minute; how many rows one has is left to chance."""
    good(client.put(f"/v1/models/{model}", json={"window": "2s"}))
    off = {"statistic": "volume", "warning": None, "critical": None}
    good(client.put(f"/v1/models/{model}/thresholds", json=off))
    now = time.time() // 2 * 2 - 600
    rows = [_live(now + n / 20) for n in range(60 * 20)]
    good(client.post(f"/v1/models/{model}/baselines?activate=true", json={"rows": rows}))


def _live(at: float) -> Mapping[str, float]:
    return {"timestamp": at, "price": at * 7 % 100}


class Live:
    """A sidecar that posts every second until it is stopped, and goes on when it is told to."""

    def __init__(self, clients: Sequence[httpx.Client], model: str) -> None:
        self._clients = cycle(clients)
        self._model = model
        self._end = threading.Event()
        self.flows = threading.Event()

    @contextmanager
    def running(self) -> Iterator["Live"]:
        """Post in the background."""
        self.flows.set()
        thread = threading.Thread(target=self._post)
        thread.start()
        try:
            yield self
        finally:
            self._end.set()
            thread.join()

    def _post(self) -> None:
        while not self._end.wait(1.0):
            if self.flows.is_set():
                now = time.time()
                try:
                    path = f"/v1/models/{self._model}/batches"
                    next(self._clients).post(path, json={"rows": [_live(now - n / 20) for n in range(20)]})
                except httpx.TransportError:
                    continue


def hours(until: dt.datetime, count: int) -> list[dt.datetime]:
    """The last whole hours before an instant, oldest first."""
    edges = [until - dt.timedelta(hours=n) for n in range(count, -1, -1)]
    return [start for start, _ in pairwise(edges)]
