"""A quiet month of real flights, then a broken week, under a real Prometheus and Alertmanager: how many pages come.

Wants Debian's prometheus, prometheus-alertmanager and postgresql-15, and takes some minutes. January and February are
the baseline; March is history; April is watched window by window. Then distance comes in kilometres for three days.
The rules and routes are those of deploy/, with shorter intervals.
"""

import datetime as dt
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx
import pyarrow as pa
import pyarrow.compute as pc

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from app.cli.demo import data
from app.cli.demo.faults import in_kilometres
from app.cli.demo.replay import ARROW, CONFIGURATION, MODEL, PATH, stream
from e2e.stack import Call, Pager, watching
from faults.cluster import Cluster
from service import Service

QUIET: Final = (dt.date(2013, 4, 1), dt.date(2013, 5, 1))
BROKEN: Final = (dt.date(2013, 5, 1), dt.date(2013, 5, 4))
MENDED: Final = (dt.date(2013, 5, 4), dt.date(2013, 5, 9))
HOURS: Final = 3
LOOK_S: Final = 0.7
ZONE: Final = ZoneInfo(data.ZONE)


def part(table: pa.Table, first: dt.datetime, last: dt.datetime) -> pa.Table:
    """The rows of a span of local time."""
    at = table.column(data.TIME)
    ends = [pa.scalar(one, at.type) for one in (first, last)]
    return table.filter(pc.and_(pc.greater_equal(at, ends[0]), pc.less(at, ends[1])))


def spans(first: dt.date, last: dt.date) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """The spans of a few hours in which rows are sent."""
    at, end = (dt.datetime.combine(day, dt.time()) for day in (first, last))
    while at < end:
        yield at, at + dt.timedelta(hours=HOURS)
        at += dt.timedelta(hours=HOURS)


def good(answer: httpx.Response) -> Any:
    """The document of an answer that is none of refusal."""
    if not answer.is_success:
        raise SystemExit(answer.text)
    return answer.json()


class Replay:
    """Rows go in through two replicas in turn; each window is scored and scraped before the next."""

    def __init__(self, clients: list[httpx.Client], table: pa.Table) -> None:
        self._clients = cycle(clients)
        self._table = table

    def post(self, rows: pa.Table, name: str) -> None:
        """Send rows as history, and score what is complete."""
        client, headers = next(self._clients), {"Content-Type": ARROW}
        good(client.put(f"{PATH}/batches/{name}?backfill=true", content=stream(rows), headers=headers))
        good(next(self._clients).post(f"{PATH}/evaluate"))

    def watch(self, days: tuple[dt.date, dt.date], *, broken: bool = False) -> int:
        """Send some days slowly; gives how many spans had rows."""
        sent = 0
        for first, last in spans(*days):
            rows = part(self._table, first, last)
            if broken:
                place = rows.schema.get_field_index("distance")
                rows = rows.set_column(place, "distance", in_kilometres(rows.column(place)))
            if rows.num_rows:
                self.post(rows, f"{first:%m%dT%H}")
                time.sleep(LOOK_S)
                sent += 1
        return sent


def pages(pager: Pager) -> list[Call]:
    """The calls that woke somebody."""
    return [call for call in pager.calls if call.path == "/page" and call.status == "firing"]


def main() -> None:
    """Watch the month, break the days after it, mend them, and print who was woken."""
    table = data.flights(data.locate())
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster())
        settings = {"DRIFTGAUGE_DATABASE_URL": cluster.url(cluster.create()), "DRIFTGAUGE_EVALUATE_INTERVAL": "1h"}
        replicas = [stack.enter_context(Service(settings)) for _ in range(2)]
        clients = [replica.client for replica in replicas]
        good(clients[0].put(PATH, json=CONFIGURATION))
        reference = part(table, dt.datetime(2013, 1, 1), dt.datetime(2013, 3, 1))  # noqa: DTZ001 - local, as the table
        headers = {"Content-Type": ARROW}
        good(clients[0].post(f"{PATH}/baselines?activate=true", content=stream(reference), headers=headers))
        replay = Replay(clients, table)
        replay.post(part(table, dt.datetime(2013, 3, 1), dt.datetime(2013, 4, 1)), "march")  # noqa: DTZ001 - as above
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        targets = [replica.url.removeprefix("http://") for replica in replicas]
        prometheus, pager = stack.enter_context(watching(folder, targets, interval="250ms"))
        windows = replay.watch(QUIET)
        quiet, warned = len(pages(pager)), sum(call.path == "/ticket" for call in pager.calls)
        windows_broken = replay.watch(BROKEN, broken=True)
        pager.wait(MODEL, "firing")
        replay.watch(MENDED)
        pager.wait(MODEL, "resolved")
        woken = pages(pager)
        errors = prometheus.broken()
    print(f"April, {windows} windows of flights: {quiet} pages, {warned} tickets")
    print(f"distance in kilometres for {windows_broken} windows: {len(woken) - quiet} page, then resolved")
    for call in woken:
        for alert in call.alerts:
            print(f"  {alert['annotations']['summary']}. {alert['annotations']['description']}")
    if quiet or len(woken) != 1 or errors:
        raise SystemExit(f"expected no page and then one; rules in error: {errors}")


if __name__ == "__main__":
    main()
