"""Pre-binned batches over HTTP, committed a second, beside what bounds them in the same run.

The bounds: the same sums committed by the group committer without HTTP or JSON, and a FastAPI echo on uvicorn.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count, islice, pairwise
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import psutil
import psycopg
import uvloop
from _wire import Sent, load, request

from app.drift.baseline import Baseline
from app.storage import baselines, models
from app.storage.committer import GroupCommitter
from app.storage.database import Database
from app.storage.deltas import Delta
from app.storage.embedded import EmbeddedPostgres
from app.storage.ledger import Delivery, Result
from app.storage.migrate import migrate

FEATURES: Final = 100
EDGES: Final = 29
ROWS: Final = 1_000
BODIES: Final = 64
WIDE: Final = 2_000
NAMED: Final = 20
CLIENTS: Final = 32
MOST_SMALL: Final = 5_000
START_S: Final = int(time.time()) // 3600 * 3600
ECHO: Final = """
import sys, uvicorn
from fastapi import FastAPI, Request, Response
app = FastAPI()

@app.put("/v1/models/{model}/histograms/{batch}")
async def put(model: str, batch: str, request: Request) -> Response:
    await request.body()
    return Response(b'{"batch_id":"x"}' + b" " * 400, media_type="application/json")

uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False)
"""


def instant(seconds: int) -> str:
    """A time as it is posted."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def reference_bins() -> list[dict[str, Any]]:
    """The finite bins of a feature, as they are posted."""
    edges = [None, *np.linspace(-3, 3, EDGES).tolist(), None]
    return [{"kind": "range", "lower": low, "upper": high, "count": 1000} for low, high in pairwise(edges)]


def bodies() -> list[bytes]:
    """Windows of 1,000 rows each, binned."""
    rng = np.random.default_rng(1)
    made = []
    for _ in range(BODIES):
        counts = rng.multinomial(ROWS, [1 / (EDGES + 1)] * (EDGES + 1), size=FEATURES).tolist()
        features = {f"feature_{f}": {"counts": [*counts[f], 0, 0, 0, 0, 0]} for f in range(FEATURES)}
        window = {"start": instant(START_S), "rows": ROWS, "features": features}
        made.append(json.dumps({"baseline": 1, "windows": [window]}, separators=(",", ":")).encode())
    return made


@dataclass(frozen=True, slots=True)
class Effort:
    """Processor seconds that services, Postgres and the sender have taken so far."""

    service: float
    postgres: float
    sender: float

    def __sub__(self, other: "Effort") -> "Effort":
        return Effort(self.service - other.service, self.postgres - other.postgres, self.sender - other.sender)


def effort(processes: Iterable[psutil.Process], *, ended: bool = False) -> float:
    """Processor seconds of some processes, with those of their children that have ended."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + (times.children_user + times.children_system) * ended
    return total


class World:
    """A database, and what is started on it."""

    def __init__(self, url: str, folder: str) -> None:
        self.url = url
        self.services: list[psutil.Process] = []
        self.postmaster = postmaster(url)
        self.folder = folder
        self.bodies = bodies()
        self._numbers = count()

    @contextmanager
    def serving(self, settings: dict[str, str] | None = None) -> Iterator[int]:
        """One service; gives its port."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTGAUGE_")}
        own = {"DRIFTGAUGE_DATABASE_URL": self.url, "DRIFTGAUGE_DATA_DIR": self.folder}
        program = [sys.executable, "-m", "app.cli.main", "serve", "--port", "0"]
        with subprocess.Popen(
            program,
            env=kept | own | (settings or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            try:
                if process.stdout is None:
                    raise OSError("no standard output")
                self.services.append(psutil.Process(process.pid))
                yield int(process.stdout.readline().rsplit(":", 1)[1].strip(" }\n"))
            finally:
                self.services.pop()
                process.terminate()

    @contextmanager
    def echo(self) -> Iterator[int]:
        """The bare echo; gives its port."""
        port = 29_871
        with subprocess.Popen([sys.executable, "-c", ECHO, str(port)]) as process:
            try:
                for _ in range(100):
                    time.sleep(0.1)
                    with contextlib.suppress(httpx.TransportError):
                        httpx.get(f"http://127.0.0.1:{port}/")
                        break
                yield port
            finally:
                process.terminate()

    def requests(self) -> Iterator[bytes]:
        """New batches without end."""
        for number in self._numbers:
            yield request("PUT", f"/v1/models/m/histograms/b{number}", self.bodies[number % BODIES])

    def rows(self) -> Iterator[bytes]:
        """New batches of one row of 20 features without end."""
        rng = np.random.default_rng(3)
        for number in self._numbers:
            row = {f"feature_{f}": value for f, value in enumerate(rng.normal(size=NAMED).round(4).tolist())}
            body = json.dumps([row | {"timestamp": START_S + 1}], separators=(",", ":")).encode()
            yield request("PUT", f"/v1/models/m/batches/b{number}", body)

    def send(
        self, *ports: int, seconds: float, rate: float = 0.0, requests: Iterator[bytes] | None = None
    ) -> list[Sent]:
        """Send for so long."""
        each = CLIENTS // len(ports)
        return uvloop.run(load(ports, requests or self.requests(), connections=each, seconds=seconds, rate=rate))

    def effort(self) -> Effort:
        """What everything has taken so far."""
        server = [self.postmaster, *self.postmaster.children()]
        return Effort(effort(self.services), effort(server, ended=True), time.process_time())

    def prepare(self, port: int) -> None:
        """Make the model and its baseline."""
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            client.put("/v1/models/m", json={}).raise_for_status()
            features = {f"feature_{f}": {"kind": "numeric", "bins": reference_bins()} for f in range(FEATURES)}
            client.post("/v1/models/m/baselines?activate=true", json={"features": features}).raise_for_status()

    def wal(self) -> int:
        """Bytes of WAL written so far."""
        with psycopg.connect(self.url) as conn:
            row = conn.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
        return int(row[0]) if row else 0

    def bound(self, *, seconds: float) -> float:
        """Batches a second that the committer and Postgres take without HTTP and JSON."""
        database = Database(self.url, pool_size=1)
        database.open()
        with database.snapshot() as conn:
            model = models.find(conn, "m")
            if model is None:
                raise LookupError("m")
            baseline_id = baselines.schedule(conn, model.id)[0].baseline_id
            baseline: Baseline = baselines.load(conn, baseline_id)
        counts = np.random.default_rng(2).integers(0, 60, size=(BODIES, int(baseline.offsets[-1])))
        sums = np.zeros(len(baseline.features))
        committer = GroupCommitter(database)
        committer.start()
        done = [0] * CLIENTS
        end = time.monotonic() + seconds

        def client(place: int) -> None:
            while time.monotonic() < end:
                number = next(self._numbers)
                delta = Delta(baseline_id, "default", START_S * 1_000_000, ROWS, counts[number % BODIES], sums)
                delivery = Delivery(
                    model_id=model.id,
                    model_revision=model.revision,
                    batch_id=f"d{number}",
                    fingerprint=number.to_bytes(16, "big"),
                    receipt="x" * 400,
                    received_us=database.clock_us(),
                    rows_accepted=ROWS,
                    deltas=(delta,),
                )
                done[place] += committer.submit(delivery).result(60).result is Result.STORED

        threads = [threading.Thread(target=client, args=(place,)) for place in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        committer.close()
        database.close()
        return sum(done) / seconds

    def wide(self, port: int) -> int:
        """Make a second model whose one scored window fills /metrics; gives the number of series."""
        features = {f"wide_{f}": {"kind": "numeric", "bins": reference_bins()} for f in range(WIDE)}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            client.put("/v1/models/wide", json={}).raise_for_status()
            client.post("/v1/models/wide/baselines?activate=true", json={"features": features}).raise_for_status()
            counts = {name: {"counts": [100] * (EDGES + 1) + [0] * 5} for name in features}
            window = {"start": instant(START_S - 7200), "rows": 100 * (EDGES + 1), "features": counts}
            client.put("/v1/models/wide/histograms/w", json={"baseline": 1, "windows": [window]}).raise_for_status()
            client.post("/v1/models/wide/evaluate").raise_for_status()
            until = time.monotonic() + 30
            while time.monotonic() < until:
                page = client.get("/metrics").text
                series = sum(not line.startswith("#") for line in page.splitlines())
                if series > WIDE:
                    break
                time.sleep(0.5)
        return series


@contextmanager
def repeated(work: Callable[[], object], *, pause_s: float) -> Iterator[None]:
    """Do something again and again beside what is measured."""
    done = threading.Event()

    def run() -> None:
        while not done.wait(pause_s):
            work()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield
    done.set()
    thread.join()


def postmaster(url: str) -> psutil.Process:
    """The first process of the server."""
    with psycopg.connect(url) as conn:
        row = conn.execute("SELECT pg_backend_pid()").fetchone()
        found = psutil.Process(row[0] if row else 0).parent()
    if found is None:
        raise LookupError(url)
    return found


def show(what: str, sent: Sent, taken: Effort | None = None) -> None:
    """Print a line of the table; with what was `taken` for it, processor microseconds an answer."""
    times = f"p50 {sent.percentile(0.5):6.1f} p99 {sent.percentile(0.99):6.1f} ms"
    refused = f"   refused {sent.refused}" if sent.refused else ""
    print(f"{what:44}{sent.rate:8.0f} a second   {times}{refused}", flush=True)
    if taken is not None:
        each = 1e6 / max(1, len(sent.seconds))
        parts = f"service {taken.service * each:.0f}, Postgres {taken.postgres * each:.0f}"
        print(f"  processor time of each, microseconds        {parts}, sender {taken.sender * each:.0f}", flush=True)


def speed(world: World, seconds: float) -> None:
    """One process alone and at half its rate, then two, then the bounds."""
    with world.serving() as port:
        world.prepare(port)
        world.send(port, seconds=2)
        before, began = world.wal(), world.effort()
        (alone,) = world.send(port, seconds=seconds)
        taken = world.effort() - began
        wal = (world.wal() - before) / max(1, len(alone.seconds))
        show(f"pre-binned, {CLIENTS} clients, one process", alone, taken)
        show("  at half of that", world.send(port, seconds=seconds, rate=alone.rate / 2)[0])
        print(f"  WAL of a batch, bytes                     {wal:8.0f}")
        small = list(islice(world.rows(), int(MOST_SMALL * seconds)))
        began = world.effort()
        (sent,) = world.send(port, seconds=seconds, requests=chain(small, world.rows()))
        show("one row of 20 features as JSON", sent, world.effort() - began)
        with world.serving() as second:
            world.send(port, second, seconds=1)
            for name, sent in zip(
                ("two processes, the first", "  the second"), world.send(port, second, seconds=seconds), strict=True
            ):
                show(name, sent)
    with world.echo() as port:
        show("bound: FastAPI echo of the same requests", world.send(port, seconds=seconds / 2)[0])
    print(f"{'bound: group committer without HTTP':44}{world.bound(seconds=seconds / 2):8.0f} a second")


def disturbed(world: World, seconds: float, rate: float) -> None:
    """Latency at a steady rate while something else goes on."""
    with (
        world.serving({"DRIFTGAUGE_EVALUATE_INTERVAL": "1h"}) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as other,
    ):
        series = world.wide(port)
        world.send(port, seconds=1, rate=rate)
        show(f"at {rate:.0f} a second, undisturbed", world.send(port, seconds=seconds, rate=rate)[0])
        with repeated(lambda: other.post("/v1/models/m/evaluate"), pause_s=0.1):
            show("  while evaluation runs", world.send(port, seconds=seconds, rate=rate)[0])
        with psycopg.connect(world.url) as conn:
            conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            conn.execute("SELECT count(*) FROM window_histogram")
            show("  while a snapshot is held", world.send(port, seconds=seconds, rate=rate)[0])
        with repeated(lambda: other.get("/metrics"), pause_s=1.0):
            show(f"  while {series:,} series are scraped each second", world.send(port, seconds=seconds, rate=rate)[0])


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each load")
    parser.add_argument("--rate", type=float, default=200.0, help="batches a second while something else goes on")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dg-bench-") as folder, EmbeddedPostgres(Path(folder) / "data") as server:
        migrate(server.url)
        world = World(server.url, folder)
        print(f"{FEATURES} features x {EDGES + 6} bins, bodies of {len(world.bodies[0]):,} bytes")
        speed(world, asked.seconds)
        disturbed(world, asked.seconds, asked.rate)


if __name__ == "__main__":
    main()
