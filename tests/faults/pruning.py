"""F13: what is sent again after its batch id was forgotten is late, at whatever age it comes."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

import httpx

from faults.cluster import Cluster
from faults.lab import Finding, Lab, lab, patiently, sleep_until
from faults.subject import Shape

HORIZON_S: Final = 4
TOLERANCE_S: Final = 2
RETENTION_S: Final = 10
DEATH_S: Final = 60.0
FORGETTING: Final = "prune.before_commit"
SETTINGS: Final = {
    "DRIFTGAUGE_LEDGER_RETENTION": f"{RETENTION_S}s",
    "DRIFTGAUGE_LEDGER_MARGIN": "2s",
    "DRIFTGAUGE_PRUNE_INTERVAL": "200ms",
}
SHAPE: Final = Shape(window_s=1, horizon_s=HORIZON_S, tolerance_s=TOLERANCE_S)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch, the times of its rows in microseconds, and its first receipt."""

    id: str
    body: bytes
    times: list[int]
    receipt: dict[str, Any]


def horizon(cluster: Cluster, seed: int, *, batches: int, mutant: str | None = None, deaths: int = 0) -> Finding:
    """Send rows around both borders, then send batches again at all ages up to three times the retention.

    `deaths` is how often replicas must die while they forget.
    """
    deadly = {"DRIFTGAUGE_FAILPOINTS": f"{FORGETTING}=kill"} if deaths else {}
    with lab(cluster, seed, settings=SETTINGS, shape=SHAPE, mutant=mutant) as bench:
        dying = threading.Thread(target=_die, args=(bench, deaths, deadly), daemon=True)
        dying.start()
        sent: list[Sent] = []
        replays = threading.Thread(target=_replay, args=(bench, sent), daemon=True)
        with httpx.Client(timeout=30.0) as client:
            for number in range(batches):
                sent.append(_send(bench, client, number))
                if number == batches // 10:
                    replays.start()
        replays.join()
        dying.join()
        died = sum(replica.hits()[FORGETTING] for replica in bench.replicas)
        bench.finding.need(f"kills at {FORGETTING}", died, deaths)
        expected: dict[str, int] = {}
        for one in sent:
            _check(bench.finding, one)
            for window in one.receipt["windows"]:
                expected[window["start"]] = expected.get(window["start"], 0) + window["rows"]
        for replica in bench.replicas:
            _compare(bench.finding, replica.url, bench.subject.path, expected)
        bench.finding.batches = len(sent)
        bench.finding.rows = sum(expected.values())
        bench.finding.need("replays after pruning", bench.finding.faults, batches // 2)
        bench.finding.faults = died or bench.finding.faults
        return bench.finding


def _die(bench: Lab, deaths: int, deadly: Mapping[str, str]) -> None:
    """Let replicas die while they forget, so often in all."""
    for number in range(deaths):
        replica = bench.replicas[number % len(bench.replicas)]
        replica.kill()
        replica.launch(deadly)
        sleep_until(lambda replica=replica: not replica.alive, seconds=DEATH_S)  # type: ignore[misc]
        replica.kill()
        replica.start()


def _send(bench: Lab, client: httpx.Client, number: int) -> Sent:
    random = Random(bench.subject.seed * 100_000 + number)
    borders = (-HORIZON_S, -HORIZON_S, 0, TOLERANCE_S, TOLERANCE_S)
    now = time.time()
    times = [int((now + border + random.uniform(-1, 1)) * 10**6) for border in borders * 4]
    body = json.dumps({"columns": {"timestamp": times, "a": [number % 16] * len(times)}}).encode()
    name = f"p{number}"
    return Sent(name, body, times, patiently(lambda: _put(bench, client, name, body)))


def _put(bench: Lab, client: httpx.Client, name: str, body: bytes) -> dict[str, Any]:
    url = f"{bench.random.choice(bench.replicas).url}{bench.subject.path}/batches/{name}"
    headers = {"Content-Type": "application/json"}
    answer: dict[str, Any] = client.put(url, content=body, headers=headers).raise_for_status().json()
    return answer


def _replay(bench: Lab, sent: list[Sent]) -> None:
    """Send random batches again; each is a duplicate with its receipt, or all of it is late."""
    random = Random(bench.subject.seed)
    end = time.monotonic() + 3 * RETENTION_S
    with httpx.Client(timeout=30.0) as client:
        while time.monotonic() < end:
            one = random.choice(sent)
            again = patiently(lambda one=one: _put(bench, client, one.id, one.body))  # type: ignore[misc]
            if again["rows"]["accepted"] and again != one.receipt | {"duplicate": True}:
                bench.finding.problems.append(f"{one.id} counted again: {again['rows']}")
                bench.finding.doubled += again["rows"]["accepted"]
            bench.finding.faults += not again["rows"]["accepted"]


def _check(finding: Finding, one: Sent) -> None:
    """Every row is in one of accepted, late and future, as the clock of its receipt says."""
    stamp = datetime.fromisoformat(one.receipt["server_time"])
    now = (stamp - EPOCH) // timedelta(microseconds=1)
    late = sum(moment < now - HORIZON_S * 10**6 for moment in one.times)
    future = sum(moment > now + TOLERANCE_S * 10**6 for moment in one.times)
    rows = one.receipt["rows"]
    if (rows["late"], rows["future"], rows["accepted"]) != (late, future, len(one.times) - late - future):
        finding.problems.append(f"{one.id}: {rows}, not {late} late and {future} in the future")


def _compare(finding: Finding, url: str, path: str, expected: dict[str, int]) -> None:
    with httpx.Client(base_url=url, timeout=60.0) as client:
        windows = patiently(lambda: client.get(f"{path}/windows").raise_for_status()).json()
        balance = patiently(lambda: client.get("/v1/admin/ledger-balance").raise_for_status()).json()
    stored = {one["start"]: one["rows"] for one in windows}
    for start in stored.keys() | expected.keys():
        difference = stored.get(start, 0) - expected.get(start, 0)
        finding.lost += max(-difference, 0)
        finding.doubled += max(difference, 0)
    if balance["imbalance"]:
        finding.problems.append(f"ledger balance {balance}")
