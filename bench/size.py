"""What a model of 10, 100 or 1,000 features costs: rows a second, series, memory, disk.

One replica and its embedded Postgres share the machine with the sender. The baseline is three weeks of hours of 40
rows; then 240 hourly windows of 200 rows go in as Arrow batches of a day each and are scored. Half the features are
numeric, half are categories. Disk is the growth of the database over those windows after a VACUUM FULL, batch ids and
scores included. Prints the table of docs/deploy/size.md.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import numpy as np
import psutil
import psycopg
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import postgres
from app.cli.demo.replay import ARROW, stream
from service import Service

FEATURES: Final = (10, 100, 1000)
WEEKS: Final = 3
DAYS: Final = 10
ROWS: Final = 200
REFERENCE_ROWS: Final = 40
SCRAPES: Final = 20
HOUR_US: Final = 3_600_000_000
START_US: Final = 473_000 * HOUR_US
WORDS: Final = np.array([f"category {n}" for n in range(40)])


@dataclass(frozen=True, slots=True)
class Cost:
    """What one model cost."""

    features: int
    rows_a_second: float
    evaluation_s: float
    series: int
    scrape_ms: float
    page_bytes: int
    bytes_a_feature_window: float
    memory_bytes: int


def table(random: np.random.Generator, *, features: int, first: int, hours: int, rows: int = ROWS) -> pa.Table:
    """Rows of some hours."""
    n = hours * rows
    times = START_US + first * HOUR_US + np.arange(n) * (HOUR_US // rows)
    columns = {"timestamp": pa.array(times, pa.timestamp("us", tz="UTC"))}
    for f in range(features):
        numeric = f % 2 == 0
        values = random.lognormal(size=n) if numeric else WORDS[random.geometric(0.2, n) % len(WORDS)]
        columns[f"feature {f}"] = pa.array(values)
    return pa.table(columns)


def bodies(random: np.random.Generator, features: int) -> Iterator[bytes]:
    """A batch for each day after the baseline."""
    for day in range(DAYS):
        yield stream(table(random, features=features, first=WEEKS * 7 * 24 + day * 24, hours=24))


def size(url: str) -> int:
    """Bytes of the database after a VACUUM."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("VACUUM (FULL, ANALYZE)")
        found = conn.execute("SELECT pg_database_size(current_database())").fetchone()
    assert found is not None
    return int(found[0])


def measure(server: postgres.Server, features: int) -> Cost:
    """One model on a database and a service of its own."""
    random = np.random.default_rng(features)
    url = server.url(server.create(template=server.template))
    settings = {
        "DRIFTGAUGE_DATABASE_URL": url,
        "DRIFTGAUGE_EVALUATE_INTERVAL": "1h",
        "DRIFTGAUGE_MAX_BODY_BYTES": "134217728",
    }
    settings |= {"DRIFTGAUGE_MAX_DECODED_BYTES": "134217728", "DRIFTGAUGE_MAX_INFLIGHT_BYTES": "268435456"}
    with Service(settings) as service:
        client, headers = service.client, {"Content-Type": ARROW}
        client.timeout = httpx.Timeout(600)
        good(client.put("/v1/models/m", json={"window": "1h"}))
        reference = stream(table(random, features=features, first=0, hours=WEEKS * 7 * 24, rows=REFERENCE_ROWS))
        good(client.post("/v1/models/m/baselines?activate=true", content=reference, headers=headers))
        before = size(url)
        days = list(bodies(random, features))
        began = time.perf_counter()
        for number, body in enumerate(days):
            good(client.put(f"/v1/models/m/batches/{number}?backfill=true", content=body, headers=headers))
        sent_s = time.perf_counter() - began
        good(client.post("/v1/admin/fold"))
        began = time.perf_counter()
        scored = good(client.post("/v1/models/m/evaluate")).json()["windows"]
        evaluation_s = time.perf_counter() - began
        assert scored == DAYS * 24
        grown = size(url) - before
        assert service.process is not None
        memory = psutil.Process(service.process.pid).memory_info().rss
        scrapes = []
        for _ in range(SCRAPES):
            began = time.perf_counter()
            page = good(client.get("/metrics")).text
            scrapes.append(time.perf_counter() - began)
        series = sum(line.startswith("drift_") for line in page.splitlines())
    windows = DAYS * 24
    return Cost(
        features,
        windows * ROWS / sent_s,
        evaluation_s / windows,
        series,
        float(np.median(scrapes)) * 1000,
        len(page),
        grown / windows / features,
        memory,
    )


def good(answer: httpx.Response) -> httpx.Response:
    """An answer that is none of refusal."""
    if not answer.is_success:
        raise SystemExit(answer.text[:1000])
    return answer


def main() -> None:
    """Measure and print."""
    print(
        "| features | rows/s in | values/s in | s to score a window | drift series | scrape | /metrics"
        " | disk a month of hours | memory |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    with postgres.server() as server:
        for features in FEATURES:
            cost = measure(server, features)
            month = cost.bytes_a_feature_window * features * 720
            print(
                f"| {features:,} | {cost.rows_a_second:,.0f} | {cost.rows_a_second * features / 1e6:,.1f} M"
                f" | {cost.evaluation_s:.3f} | {cost.series:,} | {cost.scrape_ms:.1f} ms"
                f" | {cost.page_bytes / 1e6:.2f} MB"
                f" | {month / 1e6:,.0f} MB ({cost.bytes_a_feature_window:.0f} B a feature-window)"
                f" | {cost.memory_bytes / 2**20:.0f} MiB |",
                flush=True,
            )


if __name__ == "__main__":
    main()
