"""What expectations cost: a validation, the upkeep of samples, and ingest while a window is validated.

python bench/expectations.py [--quick]
"""

import argparse
import datetime as dt
import io
import json
import multiprocessing
import sys
import tempfile
import time
from multiprocessing.synchronize import Event as Flag
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
import pyarrow as pa

ROOT: Final = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from app.quality.job import Task  # noqa: E402 - after the paths
from app.quality.process import Bounds, Examiner  # noqa: E402 - as above
from service import Service  # noqa: E402 - as above

ROWS: Final = 1000
FEATURES: Final = 100
SAMPLE: Final = 2000
BATCHES: Final = 200
ARROW: Final = {"Content-Type": "application/vnd.apache.arrow.stream"}
HOUR: Final = 3600
PAUSE_S: Final = 0.5
AS_INSTALLED: Final = {"DRIFTGAUGE_FOLD_INTERVAL": "500ms", "DRIFTGAUGE_REFRESH_INTERVAL": "500ms"}
"""Rounds of a test's service come ten times as often, and charge whichever batch they happen to fall on."""


def suite() -> list[dict[str, Any]]:
    """Two expectations of each feature, which no count can decide."""
    return [
        {"type": kind, "kwargs": {"column": f"f{n}", **more}}
        for n in range(FEATURES)
        for kind, more in (
            ("expect_column_values_to_be_between", {"min_value": -2.34567, "max_value": 2.34567, "mostly": 0.9}),
            ("expect_column_values_to_be_in_type_list", {"type_list": ["float64"], "mostly": 0.9}),
        )
    ]


def validation(rng: np.random.Generator) -> None:
    """Time whole validations in the process, which is started first."""
    columns = {f"f{n}": rng.normal(size=SAMPLE).tolist() for n in range(FEATURES)}
    tasks = [Task(number, one["type"], one["kwargs"]) for number, one in enumerate(suite())]
    with tempfile.TemporaryDirectory() as home:
        examiner = Examiner(Bounds(), home=Path(home))
        began = time.monotonic()
        list(examiner.answers({"f0": [1.0]}, tasks[:1], values=False, deadline_s=60))
        assert examiner.pid is not None
        process = psutil.Process(examiner.pid)
        print(f"start of the process         {time.monotonic() - began:8.2f} s  {rss(process):5.0f} MiB")
        for _ in range(3):
            cpu, began = spent(process), time.monotonic()
            answers = list(examiner.answers(columns, tasks, values=False, deadline_s=60))
            assert len(answers) == len(tasks)
            assert all(one.error is None for one in answers)
            print(
                f"{SAMPLE} rows x {FEATURES} x {len(tasks)}         {time.monotonic() - began:8.2f} s"
                f"  ({spent(process) - cpu:.2f} s CPU)  target 3 s"
            )
        print(f"memory afterwards                        {rss(process):5.0f} MiB")
        examiner.stop()


def spent(process: psutil.Process) -> float:
    """Processor seconds so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def rss(process: psutil.Process) -> float:
    """Memory in MiB."""
    return float(process.memory_info().rss / 2**20)


def bodies(rng: np.random.Generator, start: int, *, count: int) -> list[bytes]:
    """Arrow batches of one window."""
    made = []
    for n in range(count):
        times = pa.array((start * 10**6 + rng.integers(0, HOUR * 10**6, ROWS)), pa.int64())
        table = pa.table({"timestamp": times} | {f"f{f}": rng.normal(n / count / 10, 1, ROWS) for f in range(FEATURES)})
        file = io.BytesIO()
        with pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)
        made.append(file.getvalue())
    return made


def post(service: Service, model: str, prefix: str, sent: list[bytes], *, turns: int) -> list[float]:
    """Send the bodies again and again under fresh ids; gives the seconds of each answer."""
    taken = []
    for turn in range(turns):
        for number, body in enumerate(sent):
            began = time.perf_counter()
            answer = service.client.put(
                f"/v1/models/{model}/batches/{prefix}-{turn}-{number}", content=body, headers=ARROW
            )
            taken.append(time.perf_counter() - began)
            answer.raise_for_status()
    return taken


def prepare(service: Service, rng: np.random.Generator) -> None:
    """Make two models alike, of which one has a suite."""
    for model in ("plain", "sampled"):
        service.client.put(f"/v1/models/{model}", json={"late_horizon": "24h"}).raise_for_status()
        head = dt.datetime.fromtimestamp(time.time() - 30 * HOUR, dt.UTC).isoformat()
        rows = [
            {"timestamp": head} | dict(zip(NAMES, rng.normal(size=FEATURES).tolist(), strict=True)) for _ in range(2000)
        ]
        answer = service.client.post(f"/v1/models/{model}/baselines?activate=true", content=json.dumps({"rows": rows}))
        answer.raise_for_status()
    document = {"name": "bench", "expectations": suite()}
    service.client.post("/v1/models/sampled/expectations", json=document).raise_for_status()


NAMES: Final = [f"f{n}" for n in range(FEATURES)]


def upkeep(service: Service, rng: np.random.Generator, *, windows: int) -> None:
    """Compare the processor time of the service with and without sampling, batch by batch, in windows from empty."""
    assert service.process is not None
    clock = (~service.process.pid << 3) | 2  # the processor time of another process, to the nanosecond
    used: dict[str, list[float]] = {"plain": [], "sampled": []}
    for window in range(windows):
        sent = bodies(rng, int(time.time()) // HOUR * HOUR - HOUR * (2 + window), count=50)
        if not window:
            post(service, "plain", "warm", sent, turns=1)
        for number in range(BATCHES):
            for model in sorted(used, reverse=bool(number % 2)):
                before = time.clock_gettime(clock)
                post(service, model, f"u{window}-{number}", sent[number % 50 : number % 50 + 1], turns=1)
                used[model].append(time.clock_gettime(clock) - before)
    plain, sampled = (np.array(used[model]).reshape(windows, BATCHES) for model in ("plain", "sampled"))
    shares = sampled.sum(axis=1) / plain.sum(axis=1) - 1
    print(
        f"{BATCHES} batches of {ROWS:,} rows x {FEATURES} in a window, CPU of the service: plain"
        f" {plain.mean() * 1000:.2f} ms a batch, upkeep {sampled.sum() / plain.sum() - 1:+.1%}, median of {windows}"
        f" windows {np.median(shares):+.1%}  target 5 %"
    )


def disturb(going: Flag, running: Flag, stop: Flag) -> None:
    """Validate again and again while told to; a program of its own, so that it keeps no client waiting."""
    with tempfile.TemporaryDirectory() as home:
        examiner = Examiner(Bounds(), home=Path(home))
        rng = np.random.default_rng(11)
        columns = {name: rng.normal(size=SAMPLE).tolist() for name in NAMES}
        tasks = [Task(number, one["type"], one["kwargs"]) for number, one in enumerate(suite())]
        list(examiner.answers({"f0": [1.0]}, tasks[:1], values=False, deadline_s=60))
        running.set()
        while not stop.is_set():
            if going.wait(0.1):
                list(examiner.answers(columns, tasks, values=False, deadline_s=60))
        examiner.stop()


def beside(service: Service, rng: np.random.Generator, *, slices: int) -> None:
    """Compare the time of answers while windows are validated and while none is, in alternate slices of a second.

    The slices without one are also compared among themselves: what the machine does on its own.
    """
    sent = bodies(rng, int(time.time()) // HOUR * HOUR, count=50)
    taken: dict[bool, list[list[float]]] = {False: [], True: []}
    spawning = multiprocessing.get_context("spawn")
    going, running, stop = spawning.Event(), spawning.Event(), spawning.Event()
    other = spawning.Process(target=disturb, args=(going, running, stop))
    other.start()
    running.wait()
    for number in range(2 * slices):
        busy = number % 4 in {1, 2}
        (going.set if busy else going.clear)()
        time.sleep(PAUSE_S)
        taken[busy].append(post(service, "plain", f"beside-{number}", sent, turns=1))
    stop.set()
    other.join()
    points = {busy: quantiles(some) for busy, some in taken.items()}
    for busy, (p50, p99) in points.items():
        print(f"ingest, {'validating' if busy else 'no validation':13}  p50 {p50:6.1f} ms  p99 {p99:6.1f} ms")
    ratios, noise = points[True] / points[False], quantiles(taken[False][::2]) / quantiles(taken[False][1::2])
    print(
        f"validating to not: p50 x {ratios[0]:.2f}, p99 x {ratios[1]:.2f}  target 1.10"
        f"  (no validation to itself: p50 x {noise[0]:.2f}, p99 x {noise[1]:.2f})"
    )


def quantiles(slices: list[list[float]]) -> Any:
    """Median and 99th percentile of the answers in some slices, in milliseconds."""
    return np.quantile(np.concatenate(slices), [0.5, 0.99]) * 1000


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    rng = np.random.default_rng(7)
    validation(rng)
    settings = AS_INSTALLED | {"DRIFTGAUGE_EVALUATE_INTERVAL": "10m", "DRIFTGAUGE_MAX_QUEUED_BATCHES": "2000"}
    with Service(settings) as service:
        prepare(service, rng)
        upkeep(service, rng, windows=2 if quick else 5)
        beside(service, rng, slices=8 if quick else 60)


if __name__ == "__main__":
    main()
