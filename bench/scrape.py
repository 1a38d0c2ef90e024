"""What a scrape of 100,000 drift series costs, beside prometheus_client's own collector in the same run.

`python bench/scrape.py` prints, for each format, the time a client waits, the bytes on the wire and how long the event
loop stood still meanwhile; then a refresh, an idle scrape, and whether a real Prometheus took every sample.
"""

import asyncio
import gc
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.request import urlopen

import psutil
import uvicorn
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app.cli.serve import guarded, listen
from app.main import create_app, open_door, open_service
from app.metrics.exposition import DriftPage, render
from app.metrics.page import Page
from app.metrics.snapshot import FeatureView, ModelView, VersionView
from app.settings import Settings

MODELS: Final = 20
FEATURES: Final = 332
STATISTICS: Final = (
    *("evidence", "null_ratio", "unseen_ratio", "invalid_ratio", "psi"),
    *("ks", "ratio", "wasserstein", "js", "tvd"),
)
LINES: Final = (("psi", "warning"), ("ks", "warning"), ("evidence", "critical"))
TIMES: Final = 30
PROMETHEUS: Final = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
FORMS: Final = (
    ("gzip, as Prometheus asks", {"Accept": PROMETHEUS, "Accept-Encoding": "gzip"}),
    ("plain text", {"Accept": "text/plain"}),
)


def models() -> list[ModelView]:
    """About 100,000 series with values of full length."""
    random = Random(1)

    def feature(number: int) -> FeatureView:
        scores = {name: random.random() for name in STATISTICS}
        lines = {line: random.random() for line in LINES}
        return FeatureView(f"feature_{number:04}", "ok", True, scores, lines, mean=random.gauss(0, 100))  # noqa: FBT003

    now = time.time_ns() // 1000
    return [
        ModelView(
            f"model-{number}",
            baseline=1,
            baseline_created_us=now,
            pages_per_month=1.0,
            pages_spent=0,
            versions=[VersionView("default", [feature(n) for n in range(FEATURES)], now, now, 1000, {}, now, 10**10)],
        )
        for number in range(MODELS)
    ]


class Yardstick(Collector):
    """The same series as prometheus_client would show them."""

    def __init__(self, shown: DriftPage) -> None:
        self._lines = [line for line in shown.plain.decode().splitlines() if not line.startswith("#")]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family a name."""
        families: dict[str, GaugeMetricFamily] = {}
        for line in self._lines:
            name, rest = line.split("{", 1)
            labels, value = rest.rsplit("} ", 1)
            pairs = [pair.split('="') for pair in labels[:-1].split('",')]
            family = families.setdefault(name, GaugeMetricFamily(name, name, labels=[key for key, _ in pairs]))
            family.add_metric([text for _, text in pairs], float(value))
        yield from families.values()


class Pulse:
    """How long the event loop stood still: by the clock, which others' load disturbs, and in its own processor time."""

    def __init__(self) -> None:
        self.late_s = self.busy_s = 0.0

    def restart(self) -> None:
        """Forget what was."""
        self.late_s = self.busy_s = 0.0

    async def beat(self) -> None:
        """Ask to be woken every millisecond."""
        while True:
            due, spent = time.perf_counter() + 0.001, time.thread_time()
            await asyncio.sleep(0.001)
            self.late_s = max(self.late_s, time.perf_counter() - due)
            self.busy_s = max(self.busy_s, time.thread_time() - spent)


CLIENT: Final = """
import http.client, json, sys, time
port, headers, times = int(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
link = http.client.HTTPConnection("127.0.0.1", port)
waits = []
for _ in range(times):
    time.sleep(0.05)
    began = time.perf_counter()
    link.request("GET", "/metrics", headers=headers)
    answer = link.getresponse()
    size = len(answer.read())
    waits.append(time.perf_counter() - began)
    assert answer.status == 200
print(json.dumps([waits, size]))
"""


async def asked(port: int, headers: dict[str, str], times: int = TIMES) -> tuple[list[float], int]:
    """Waiting times and size of scrapes by a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLIENT, str(port), json.dumps(headers), str(times), stdout=subprocess.PIPE
    )
    said, _ = await process.communicate()
    waits, size = json.loads(said)
    return waits, size


def shown(name: str, waits: Sequence[float], *, size: int, pulse: Pulse) -> None:
    """Print one line of the table."""
    middle, slow = statistics.median(waits) * 1e3, sorted(waits)[int(0.95 * len(waits))] * 1e3
    print(
        f"{name:28}{middle:>10.1f}{slow:>9.1f}{size / 1e6:>8.2f}{pulse.busy_s * 1e3:>14.1f}{pulse.late_s * 1e3:>14.1f}",
        flush=True,
    )


async def measured(app: Any, settings: Settings, page: Page, views: list[ModelView]) -> None:
    """Serve in this process and look on from its event loop."""
    bound = listen("127.0.0.1", 0)
    port = bound.getsockname()[1]
    config = uvicorn.Config(app, http=guarded(settings), ws="none", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.05)
    pulse = Pulse()
    beating = asyncio.create_task(pulse.beat())
    try:
        print(f"{'scrape':28}{'median ms':>10}{'95 % ms':>9}{'MB':>8}{'loop busy ms':>14}{'loop late ms':>14}")
        await asyncio.sleep(2)
        for label, drift in (("idle, no drift series", []), ("", views)):
            page.publish(drift)
            await asyncio.sleep(1)
            for name, headers in FORMS:
                await asked(port, headers, 3)
                pulse.restart()
                await asyncio.sleep(1.5)
                quiet = pulse.late_s
                pulse.restart()
                waits, size = await asked(port, headers)
                shown(label or name, waits, size=size, pulse=pulse)
                if label:
                    break
        print(f"(without scrapes the loop was late by up to {quiet * 1e3:.1f} ms)")
        await asyncio.to_thread(ingested, port)
    finally:
        beating.cancel()
        server.should_exit = True
        await serving


def ingested(port: int) -> None:
    """Let a real Prometheus scrape for a while and count what it kept."""
    program = shutil.which("prometheus")
    if program is None:
        print("prometheus is not installed: not measured")
        return
    with tempfile.TemporaryDirectory(prefix="driftgauge-bench-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        own = probe.getsockname()[1]
        probe.close()
        target = {"job_name": "driftgauge", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        config = {"global": {"scrape_interval": "2s", "scrape_timeout": "2s"}, "scrape_configs": [target]}
        (Path(folder) / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")
        arguments = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        process = subprocess.Popen(
            [program, *arguments, f"--web.listen-address=127.0.0.1:{own}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            time.sleep(20)
            facts = {name: value(own, name) for name in ("up", "scrape_samples_scraped", "scrape_duration_seconds")}
            kept = value(own, 'count({__name__=~"drift_.+"})')
            with urlopen(f"http://127.0.0.1:{own}/metrics", timeout=30) as answer:
                text = answer.read().decode()
        finally:
            process.terminate()
            process.wait(30)
    lost = sum(
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.startswith("prometheus_target_scrapes_") and "sample" in line
    )
    print(
        f"Prometheus: up {facts['up']:.0f}, {facts['scrape_samples_scraped']:.0f} samples a scrape in "
        f"{facts['scrape_duration_seconds'] * 1e3:.0f} ms, {kept:.0f} drift series kept, {lost:.0f} samples dropped"
    )


def value(port: int, query: str) -> float:
    """One number from Prometheus."""
    body = f"query={query.replace('{', '%7B').replace('}', '%7D').replace('+', '%2B')}".encode()
    with urlopen(f"http://127.0.0.1:{port}/api/v1/query", body, timeout=30) as answer:
        found = json.load(answer)["data"]["result"]
    return float(found[0]["value"][1]) if found else float("nan")


def main() -> None:
    """Measure the rendering alone, then the whole service."""
    views = models()
    gc.freeze()  # the service keeps bytes, not views
    times = []
    for _ in range(5):
        began = time.perf_counter()
        drift = render(views, max_series=10**6)
        times.append(time.perf_counter() - began)
    print(
        f"{drift.series} drift series: {len(drift.plain) / 1e6:.1f} MB plain, {len(drift.deflated) / 1e6:.1f} MB gzip"
    )
    print(f"refresh after an evaluation: {min(times) * 1e3:.0f} ms")
    registry = CollectorRegistry()
    registry.register(Yardstick(drift))
    began = time.perf_counter()
    generate_latest(registry)
    print(f"prometheus_client, the same series: {(time.perf_counter() - began) * 1e3:.0f} ms in every scrape\n")
    with tempfile.TemporaryDirectory(prefix="driftgauge-bench-") as folder, ExitStack() as stack:
        for name in [name for name in os.environ if name.startswith("DRIFTGAUGE_")]:
            del os.environ[name]
        settings = Settings(data_dir=Path(folder))
        service = open_service(settings, stack=stack)
        app = create_app(service, settings, door=open_door(service, settings, loopback=True))
        asyncio.run(measured(app, settings, service.page, views))
        print(f"resident memory: {psutil.Process().memory_info().rss / 2**20:.0f} MiB, the bench's own views in it")


if __name__ == "__main__":
    main()
