"""Experiments that end or freeze replicas: F1, F2, F6, F21."""

import math
import threading
import time
from random import Random
from typing import Final

from app.failpoints import POINTS
from faults.cluster import Cluster
from faults.lab import Finding, Lab, lab, percentile, sleep_until
from faults.oracle import Habits
from faults.pruning import horizon
from faults.replica import Replica

ENOUGH_S: Final = 30.0


def kill_storm(cluster: Cluster, seed: int, *, kills: int, batches: int, crashes: int = 0) -> Finding:
    """F1: a random replica dies every 0.25 to 0.9 s and starts again at once; Postgres crashes now and then."""
    with lab(cluster, seed) as bench:
        with bench.load() as oracle:
            for number in range(kills):
                replica = bench.random.choice(bench.replicas)
                time.sleep(bench.random.uniform(0.25, 0.9))
                oracle.reach(batches * number // kills)
                before = oracle.record.lost
                replica.kill()
                replica.start()
                bench.finding.faults += 1
                bench.finding.faults -= oracle.record.lost == before
                if crashes and not (number + 1) % (kills // crashes):
                    cluster.crash(bench.random.choice(("restart", "backend", "postmaster")), bench.random)
            oracle.reach(batches)
        starts = percentile([taken for replica in bench.replicas for taken in replica.starts], 0.95)
        efforts = percentile([taken for replica in bench.replicas for taken in replica.efforts], 0.95)
        bench.finding.notes.append(f"restart to ready p95 {starts:.2f} s, {efforts:.2f} s of it computing")
        bench.finding.notes.append(f"{crashes} crashes of Postgres")
        bench.finding.need("kills that hit a request in flight", bench.finding.faults, kills // 2)
        bench.finding.need("batches", bench.finding.batches, batches)
        return bench.finding


def failpoints(cluster: Cluster, seed: int, *, each: int) -> Finding:
    """F2: the program dies at each of its fourteen points, a few times."""
    forgetting = horizon(cluster, seed, batches=20 + 5 * each, deaths=each)
    with lab(cluster, seed, settings={"DRIFTGAUGE_EVALUATE_INTERVAL": "500ms"}) as bench:
        bench.finding = forgetting
        points = [point for point in POINTS if not point.startswith(("prune", "pairing"))]
        todo = points * each
        bench.random.shuffle(todo)
        with bench.load(habits=Habits(pause_s=0.1)):
            workers = [
                threading.Thread(target=_die, args=(replica, todo, len(todo)), daemon=True)
                for replica in bench.replicas
            ]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        for point in points:
            hits = sum(replica.hits()[point] for replica in bench.replicas)
            bench.finding.faults += hits
            bench.finding.need(f"kills at {point}", hits, each)
        return bench.finding


def _die(replica: Replica, todo: list[str], retries: int) -> None:
    """Run the replica until it dies at each of the points; one that is not met in time is tried again later."""
    random = Random(replica.port)
    while todo:
        point = todo.pop(0)
        chance = 1.0 if point.startswith("score") else random.choice((0.05, 0.3))
        replica.kill()
        replica.launch({"DRIFTGAUGE_FAILPOINTS": f"{point}=kill:{chance}"})
        if not sleep_until(lambda: not replica.alive, seconds=ENOUGH_S) and retries:
            todo.append(point)
            retries -= 1
    replica.kill()
    replica.start()


def frozen_replica(cluster: Cluster, seed: int, *, times: int, seconds: float) -> Finding:
    """F6: a replica stands still, also in the middle of a fold and of an ingest; the other does not notice."""
    pause = f"{seconds:g}:0.2"
    stuck = {"DRIFTGAUGE_FAILPOINTS": f"fold.before_commit=pause:{pause},ingest.after_ledger=pause:{pause}"}
    with lab(cluster, seed, settings=[{}, stuck]) as bench:
        lively, victim = bench.replicas
        bench.answer_s = math.inf
        with bench.load(habits=Habits(sticky=True, doubles=0)) as oracle:
            for _ in range(times):
                time.sleep(2)
                victim.freeze()
                time.sleep(seconds)
                victim.thaw()
                bench.finding.faults += 1
        hits = victim.hits()
        bench.finding.need("pauses within a fold", hits["fold.before_commit"], 1)
        bench.finding.need("pauses within an ingest", hits["ingest.after_ledger"], 1)
        refused = [code for port, code in oracle.record.refusals if port == lively.port and "in-progress" not in code]
        bench.finding.problems += [f"the other replica answered {code}" for code in refused if "baseline" not in code]
        latencies = oracle.record.latencies[lively.port]
        bench.finding.notes.append(f"acks of the other: {len(latencies)}, p99 {percentile(latencies, 0.99):.2f} s")
        return bench.finding


def polite_stop(cluster: Cluster, seed: int, *, times: int) -> Finding:
    """F21: SIGTERM under load; every request is answered or refused whole, and the exit code is 0."""
    with lab(cluster, seed) as bench:
        taken = []
        with bench.load() as oracle:
            for number in range(times):
                oracle.reach(20 * number)
                replica = bench.random.choice(bench.replicas)
                code, seconds = replica.terminate()
                taken.append(seconds)
                if code != 0:
                    bench.finding.problems.append(f"exit code {code}: {replica.tail(2)[-300:]}")
                replica.start()
                bench.finding.faults += 1
        bench.finding.hold("slowest stop", max(taken), 10.0)
        bench.finding.notes.append(f"stop p95 {percentile(taken, 0.95):.2f} s, slowest {max(taken):.2f} s")
        return bench.finding


def smoke(bench: Lab, *, kills: int, each: int) -> None:
    """A few kills, for a test."""
    with bench.load(habits=Habits(clients=8)) as oracle:
        for number in range(kills):
            oracle.reach(each * (number + 1))
            replica = bench.replicas[number % len(bench.replicas)]
            replica.kill()
            replica.start()
            bench.finding.faults += 1
        oracle.reach(each * (kills + 1))
