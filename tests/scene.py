"""A model that drifts while it is watched: replicas on one database, sidecars that post, a Prometheus that scrapes."""

import contextlib
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
from numpy.typing import NDArray

from service import Service

MODEL: Final = "payments"
PATH: Final = f"/v1/models/{MODEL}"
RULES: Final = Path(__file__).parents[1] / "deploy" / "prometheus" / "driftgauge.rules.yml"
COUNTRIES: Final = ("DE", "FR", "NL", "PL", "ES")
CHANNELS: Final = ("web", "app", "till")
SECOND_US: Final = 1_000_000

Values = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong from `first` to `last` seconds after the start of the feed."""

    what: str
    first: float
    last: float


@dataclass(slots=True)
class Feed:
    """Rows of the model as its sidecars log them, broken while a fault lasts; alike for the same seed."""

    seed: int = 1
    faults: Sequence[Fault] = ()
    random: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def columns(self, times_us: Sequence[int], *, elapsed_s: float = -1.0, late: bool = False) -> dict[str, list[Any]]:
        """One batch by column; the sixth part of an hour is this feed's day, so amounts wander as real ones do."""
        draw, n = self.random, len(times_us)
        on = {fault.what for fault in self.faults if fault.first <= elapsed_s < fault.last}
        turn = np.sin(np.asarray(times_us, np.float64) / SECOND_US / 600 * 2 * np.pi)
        amount = draw.lognormal(3 + 0.1 * turn, 1) * (100 if "unit change" in on else 1)
        age: Values = draw.gamma(4, 3, n).round(1).astype(object)
        if "null storm" in on:
            age[draw.random(n) < 0.6] = None
        country = draw.choice(COUNTRIES, n, p=[0.45, 0.2, 0.15, 0.12, 0.08]).astype(object)
        if "new country" in on:
            country[draw.random(n) < 0.25] = "XX"
        shift = 1.2 if "slow network" in on else 0
        shown: dict[str, Values] = {
            "amount": amount.round(2),
            "device_age": age,
            "score": np.clip(draw.beta(2, 5, n) + 0.01 * turn + (0.1 if "unit change" in on else 0), 0, 1).round(4),
            "latency": draw.lognormal(3.5 + shift, 0.4, n).round(1),
            "distance": draw.gamma(2, 20, n).round(1),
            "items": draw.poisson(2.2, n),
            "country": country,
            "channel": draw.choice(CHANNELS, n, p=[0.5, 0.4, 0.1]),
        }
        offset = -30 * 86_400 * SECOND_US if late else 0
        return {"timestamp": [moment + offset for moment in times_us]} | {k: v.tolist() for k, v in shown.items()}

    def reference(self, end_us: int, *, windows: int, window_us: int, rows: int) -> bytes:
        """Quiet rows before `end_us` as a baseline's body."""
        times = end_us - windows * window_us + np.arange(windows * rows) * (window_us // rows)
        return json.dumps({"columns": self.columns(times.tolist())}).encode()


class Prometheus:
    """A running Prometheus that scrapes and judges every second."""

    def __init__(self, targets: Sequence[str], *, interval: str = "1s") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dg-prometheus-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        jobs = {"job_name": "driftgauge", "static_configs": [{"targets": [t.split("://")[1] for t in targets]}]}
        document = {
            "global": {"scrape_interval": interval, "evaluation_interval": interval},
            "rule_files": [str(RULES)],
            "scrape_configs": [jobs],
        }
        (self.folder / "prometheus.yml").write_text(json.dumps(document), encoding="utf-8")
        program = shutil.which("prometheus")
        if program is None:
            raise FileNotFoundError("prometheus is not installed: apt-get install prometheus")
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    program,
                    f"--config.file={self.folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self.folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdout=log,
                stderr=log,
            )

    def get(self, call: str, **parameters: str) -> Any:
        """The data of one API call; None while it does not answer, AssertionError when it refuses."""
        try:
            answer = httpx.get(f"{self.url}/api/v1/{call}", params=parameters, timeout=30.0).json()
        except (httpx.TransportError, ValueError):
            return None
        if answer["status"] != "success":
            raise AssertionError(f"{call} {parameters}: {answer}")
        return answer["data"]

    def raw(self, name: str) -> float:
        """One of its own counters, without labels."""
        text = httpx.get(f"{self.url}/metrics", timeout=30.0).text
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(f"{name} "))

    def wait(self, query: str, *, seconds: float = 60.0) -> list[Any]:
        """The result of an instant query as soon as it has series."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            data = self.get("query", query=query)
            if data and data["result"]:
                result: list[Any] = data["result"]
                return result
            time.sleep(0.1)
        raise AssertionError(f"no series for {query}: {self.get('targets')}")

    def close(self) -> None:
        """End it and remove what it stored."""
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(slots=True)
class Scene:
    """Two replicas and their Prometheus; `post` is what one sidecar does."""

    replicas: Sequence[Service]
    prometheus: Prometheus
    feed: Feed
    started_s: float = field(default_factory=time.time)
    sent: int = 0

    def post(self, *, rows: int, version: str = "default", late: bool = False, form: str = "columns") -> httpx.Response:
        """Send rows of the last second to the replicas in turn."""
        now = time.time()
        times = (now * SECOND_US - np.sort(self.feed.random.integers(0, SECOND_US, rows))[::-1]).astype(np.int64)
        columns = self.feed.columns(times.tolist(), elapsed_s=now - self.started_s, late=late)
        replica = self.replicas[self.sent % len(self.replicas)]
        self.sent += 1
        body, kind = json.dumps({"columns": columns}), "application/json"
        if form == "ndjson":
            names = list(columns)
            lines = zip(*columns.values(), strict=True)
            body = "\n".join(json.dumps(dict(zip(names, line, strict=True))) for line in lines)
            kind = "application/x-ndjson"
        return replica.client.post(
            f"{PATH}/batches", params={"version": version}, content=body, headers={"Content-Type": kind}
        )


@contextlib.contextmanager
def replicas(settings: Mapping[str, str]) -> Iterator[tuple[Service, Service]]:
    """Two replicas on one database."""
    with Service(settings) as first:
        second = Service(settings)
        shutil.rmtree(second.root)
        second.root, second.data_dir, second.log = first.root, first.data_dir, first.root / "second.log"
        second.start()
        try:
            yield first, second
        finally:
            second.stop()


@contextlib.contextmanager
def scene(
    feed: Feed,
    *,
    window: str,
    window_us: int,
    rows: int,
    interval: str = "1s",
    settings: Mapping[str, str] | None = None,
) -> Iterator[Scene]:
    """A model with 240 windows of reference, watched by two replicas and scraped."""
    told = {
        "DRIFTGAUGE_EVALUATE_INTERVAL": "500ms",
        "DRIFTGAUGE_ACCOUNT_INTERVAL": "1s",
        "DRIFTGAUGE_PUBLIC_URL": "http://drift.example.org",
        "DRIFTGAUGE_GRAFANA_URL": "http://grafana.example.org",
        **(settings or {}),
    }
    with contextlib.ExitStack() as stack:
        first, second = stack.enter_context(replicas(told))
        client = first.client
        roles = {"score": {"kind": "numeric", "role": "prediction"}}
        client.put(PATH, json={"window": window, "late_horizon": "1h", "features": roles}).raise_for_status()
        end = time.time_ns() // 1000 // window_us * window_us
        body = feed.reference(end, windows=240, window_us=window_us, rows=rows)
        answer = client.post(
            f"{PATH}/baselines?activate=true", content=body, headers={"Content-Type": "application/json"}
        )
        answer.raise_for_status()
        prometheus = Prometheus([first.url, second.url], interval=interval)
        stack.callback(prometheus.close)
        yield Scene([first, second], prometheus, feed)
