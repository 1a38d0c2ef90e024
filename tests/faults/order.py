"""Experiments with order, time and repetition: F9, F10, F12, F14, F23."""

import threading
import time
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import httpx

from faults.cluster import Cluster
from faults.database import first_ack
from faults.lab import Finding, Lab, lab, patiently
from faults.oracle import Habits, Oracle
from faults.subject import Shape, Subject

FAKETIME: Final = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
JUMPS: Final = ("+2d", "-2d", "+1h", "-1h", "+0")


def clocks(cluster: Cluster, seed: int, *, jumps: int, seconds: float) -> Finding:
    """F9: the clock of one replica jumps by hours and days while it counts."""
    if not FAKETIME:
        return Finding(missing=["Debian's faketime"])
    dial = cluster.home / "dial"
    with lab(cluster, seed, settings=[faked(cluster, "+2d"), {}]) as bench:
        with bench.load() as oracle:
            for jump, _ in zip(cycle(JUMPS), range(jumps), strict=False):
                _turn(dial, jump)
                time.sleep(seconds)
                bench.finding.faults += 1
            oracle.reach(20 * jumps)
            first_ack(oracle, time.monotonic())
        bench.finding.need(
            "acks of the replica with the wrong clock", len(oracle.record.latencies[bench.replicas[0].port]), 50
        )
        return bench.finding


def faked(cluster: Cluster, start: str) -> dict[str, str]:
    """The environment of a process whose wall clock is turned by the cluster's dial."""
    dial = cluster.home / "dial"
    _turn(dial, start)
    return {
        "LD_PRELOAD": str(FAKETIME[0]),
        "FAKETIME_TIMESTAMP_FILE": str(dial),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def _turn(dial: Path, to: str) -> None:
    dial.with_suffix(".new").write_text(to + "\n", encoding="ascii")
    dial.with_suffix(".new").replace(dial)


def race(cluster: Cluster, seed: int, *, batches: int) -> Finding:
    """F10: each batch goes out two to eight ways at once; one answer is the first, the others are duplicates."""
    with lab(cluster, seed) as bench:
        with bench.load(habits=Habits(clients=8, ways=(2, 8)), numbers=range(batches)) as oracle:
            oracle.reach(batches)
        firsts = [oracle.record.firsts[number] for number in range(batches)]
        bench.finding.faults = oracle.record.duplicates + oracle.record.answers["409 batch-in-progress"]
        bench.finding.need("duplicates and batches in progress", bench.finding.faults, batches)
        if not oracle.record.lost and set(firsts) != {1}:
            bench.finding.problems.append(f"{len(firsts) - firsts.count(1)} batches without exactly one first answer")
        return bench.finding


def disorder(cluster: Cluster, seed: int, *, batches: int) -> Finding:
    """F12: each batch one to five times, in any order, over a day of event time, equals one orderly run."""
    shape = Shape(window_s=3600, windows=24, horizon_s=40 * 3600, rows=60)
    with lab(cluster, seed, shape=shape) as bench:
        numbers = list(range(batches))
        bench.random.shuffle(numbers)
        with bench.load(habits=Habits(ways=(1, 5)), numbers=numbers) as oracle:
            oracle.reach(batches)
        bench.finding.faults = oracle.record.duplicates
        orderly = Subject(seed, shape, name="orderly")
        orderly.first = bench.subject.first
        orderly.create(bench.replicas[0].url)
        plain = Oracle(orderly, bench.targets[:1], habits=Habits(clients=1, doubles=0, again=0), numbers=range(batches))
        plain.start()
        plain.join()
        with httpx.Client(base_url=bench.replicas[1].url, timeout=120.0) as client:
            first, second = (patiently(lambda one=one: _all(client, one)) for one in (bench.subject, orderly))  # type: ignore[misc]
        bench.finding.problems += [
            f"{what} differ from the orderly run" for what in first if first[what] != second[what]
        ]
        bench.finding.need("scores", len(first["scores"]), 1)
        return bench.finding


def _all(client: httpx.Client, subject: Subject) -> dict[str, Any]:
    client.post(f"{subject.path}/evaluate").raise_for_status()
    windows = client.get(f"{subject.path}/windows").raise_for_status().json()
    paths = [f"{subject.path}/windows/{window['start']}/histograms" for window in windows]
    return {
        "windows": windows,
        "histograms": [client.get(path).raise_for_status().json() for path in paths],
        "scores": client.get(f"{subject.path}/scores").raise_for_status().json(),
    }


def burst(cluster: Cluster, seed: int, *, clients: int, batches: int) -> Finding:
    """F14: far more senders than the queue holds; refusals say when to come back, and nothing is half counted."""
    with lab(
        cluster, seed, settings={"DRIFTGAUGE_MAX_QUEUED_BATCHES": "2", "DRIFTGAUGE_MAX_INFLIGHT_BYTES": "60000"}
    ) as bench:
        with bench.load(habits=Habits(clients=clients)) as oracle:
            oracle.reach(batches)
        bench.finding.faults = oracle.record.answers["503 overloaded"]
        bench.finding.need("answers 503 overloaded", bench.finding.faults, 1)
        return bench.finding


def changes(cluster: Cluster, seed: int, *, seconds: float) -> Finding:
    """F23: the model's settings and its active baseline change under load; no delta lands on wrong bins."""
    with lab(cluster, seed) as bench:
        with bench.load() as oracle:
            oracle.reach(50)
            changer = threading.Thread(target=_change, args=(bench, time.monotonic() + seconds))
            changer.start()
            changer.join()
            first_ack(oracle, time.monotonic())
        bench.finding.need("changes of the model", bench.finding.faults, 5)
        return bench.finding


def _change(bench: Lab, end: float) -> None:
    with httpx.Client(base_url=bench.replicas[0].url, timeout=30.0) as client:
        while time.monotonic() < end:
            tolerance = bench.subject.shape.tolerance_s + bench.finding.faults % 2
            answer = client.put(bench.subject.path, json={"future_tolerance": f"{tolerance}s"})
            bench.finding.faults += answer.is_success
            time.sleep(0.1)
