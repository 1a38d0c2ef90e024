"""The year, sent through the public API as a sidecar would send it."""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa

from app.cli.client import Body, Client
from app.cli.demo.data import OUTCOMES, ZONE, days
from app.cli.demo.faults import broken

MODEL: Final = "flight-delay"
PATH: Final = f"/v1/models/{MODEL}"
REPLAY_FROM: Final = dt.date(2013, 3, 1)
ARROW: Final = "application/vnd.apache.arrow.stream"
CONFIGURATION: Final = {
    "window": "3h",
    "timezone": ZONE,
    "naive_timestamps": "local",
    "features": {name: {"kind": "numeric", "role": "outcome"} for name in OUTCOMES},
}
LOOK_SECONDS: Final = 0.5

Told = Callable[[int], object]


def reference(client: Client, table: pa.Table) -> None:
    """Describe the model and make January and February its baseline, unless that was done before."""
    client.call("PUT", PATH, body=Body.of(CONFIGURATION))
    if not any(one["status"] == "active" for one in client.call("GET", f"{PATH}/baselines")):
        body = Body(stream(table), ARROW)
        client.call("POST", f"{PATH}/baselines", query={"activate": "true"}, body=body, once=True)


def replay(client: Client, table: pa.Table, *, sent: Told) -> int:
    """Send day by day, each day as one batch under its own name; gives how many days were known already."""
    known = 0
    for date, day in days(table):
        body = Body(stream(broken(day, date)), ARROW)
        receipt = client.call("PUT", f"{PATH}/batches/{date.isoformat()}", query={"backfill": "true"}, body=body)
        known += bool(receipt["duplicate"])
        sent(day.num_rows)
    return known


def scored(client: Client, *, seen: Callable[[int, int], object]) -> int:
    """Wait until every window is scored, telling how many of how many are; gives their number."""
    while True:
        windows = client.call("GET", f"{PATH}/windows")
        done: int = sum(window["status"] == "scored" for window in windows)
        seen(done, len(windows))
        if done == len(windows):
            return done
        time.sleep(LOOK_SECONDS)


def episodes(client: Client) -> list[dict[str, Any]]:
    """Read what drifted, oldest first."""
    found: list[dict[str, Any]] = client.call("GET", f"{PATH}/episodes")
    return found


def stream(table: pa.Table) -> bytes:
    """Write rows as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())
