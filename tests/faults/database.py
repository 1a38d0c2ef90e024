"""Experiments that crash, stop, freeze and starve Postgres: F3, F4, F5, F7, F8, F16, F17, F18."""

import contextlib
import itertools
import math
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import psycopg

from faults.cluster import Cluster
from faults.lab import Finding, Lab, lab, percentile, sleep_until
from faults.oracle import Oracle

DEAD_S: Final = 60.0


def first_ack(oracle: Oracle, since: float) -> float:
    """Wait for the first acknowledgement after a moment; gives how long it took."""
    sleep_until(lambda: bool(oracle.record.ack_times) and oracle.record.ack_times[-1] > since, seconds=DEAD_S)
    after = next((at for at in oracle.record.ack_times if at > since), math.inf)
    return after - since


def crashes(cluster: Cluster, seed: int, *, times: int) -> Finding:
    """F3: an immediate restart, a backend killed, the postmaster killed, again and again."""
    with lab(cluster, seed) as bench:
        pids = [replica.process and replica.process.pid for replica in bench.replicas]
        waits = []
        with bench.load() as oracle:
            for number in range(times):
                oracle.reach(20 * (number + 1))
                time.sleep(bench.random.uniform(0.2, 1.0))
                waits.append(
                    first_ack(oracle, cluster.crash(("restart", "backend", "postmaster")[number % 3], bench.random))
                )
                bench.finding.faults += 1
        bench.finding.notes.append(f"first ack after recovery p95 {percentile(waits, 0.95):.2f} s")
        bench.finding.hold("first ack after recovery", max(waits), DEAD_S)
        if pids != [replica.process and replica.process.pid for replica in bench.replicas]:
            bench.finding.problems.append("a replica ended")
        return bench.finding


def stopped(cluster: Cluster, seed: int, *, seconds: float) -> Finding:
    """F4: Postgres is down for a while; the replicas live, say that they are not ready, and heal by themselves."""
    with lab(cluster, seed) as bench:
        with bench.load() as oracle:
            oracle.reach(100)
            cluster.stop("fast")
            unready = time.monotonic()
            told = sleep_until(lambda: _status(bench, "/readyz") == {503}, seconds=10)
            bench.finding.notes.append(f"not ready after {time.monotonic() - unready:.1f} s")
            if not told:
                bench.finding.problems.append("/readyz did not tell")
            while time.monotonic() - unready < seconds:
                if _status(bench, "/livez") != {200}:
                    bench.finding.problems.append("/livez failed")
                time.sleep(0.5)
            cluster.start()
            bench.finding.faults += 1
            bench.finding.notes.append(f"first ack after {first_ack(oracle, cluster.accepting()):.2f} s")
        return bench.finding


def _status(bench: Lab, path: str) -> set[int]:
    return {httpx.get(replica.url + path, timeout=10.0).status_code for replica in bench.replicas}


def frozen(cluster: Cluster, seed: int, *, lengths: tuple[float, ...], backends: int) -> Finding:
    """F5: all of Postgres stands still, then single backends do, longer than a call may take."""
    doubt = {"DRIFTGAUGE_FAILPOINTS": "ingest.commit_sent=error:0.3"}
    with lab(cluster, seed, settings=[doubt, {}]) as bench:
        with bench.load() as oracle:
            for seconds in lengths:
                oracle.reach(oracle.record.acked + 50)
                cluster.freeze()
                time.sleep(seconds)
                cluster.thaw()
                bench.finding.faults += 1
                bench.finding.notes.append(
                    f"first ack after {seconds:g} s frozen {first_ack(oracle, time.monotonic()):.2f} s"
                )
            for _ in range(backends):
                victims = cluster.backends()
                if not victims:
                    continue
                victim = bench.random.choice(victims)
                with contextlib.suppress(psycopg.Error, ProcessLookupError):
                    victim.suspend()
                    time.sleep(bench.random.uniform(0.5, 6.0))
                    victim.resume()
                bench.finding.faults += 1
        doubts = sum(replica.hits()["ingest.commit_sent"] for replica in bench.replicas)
        bench.finding.notes.append(f"{doubts} COMMITs in doubt")
        bench.finding.need("COMMITs in doubt", doubts, 10)
        return bench.finding


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A file system of this size; wants root."""
    with tempfile.TemporaryDirectory(prefix="dg-disk-") as folder:
        size = f"size={megabytes}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"{size},mode=0755", "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def full_disk(_: Cluster, seed: int, *, wal: bool) -> Finding:
    """F7, F8: the disk of the data, or of the WAL, fills up under load and is freed again."""
    if os.geteuid() != 0:
        return Finding(missing=["rights to mount a file system"])
    with small_disk(180) as volume, tempfile.TemporaryDirectory(prefix="dg-other-") as other:
        Path(other).chmod(0o755)
        apart = {"volume": Path(other), "wal": volume} if wal else {"volume": volume, "wal": Path(other)}
        small = ["max_wal_size=64MB", "min_wal_size=32MB"]
        with Cluster(**apart, options=small) as cluster, lab(cluster, seed) as bench:
            with bench.load() as oracle:
                oracle.reach(50)
                ballast = volume / "ballast"
                told = "503 storage-unavailable" if wal else "503 storage-full"
                with ballast.open("wb") as file, contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(2**16))
                        file.flush()
                sleep_until(lambda: oracle.record.answers[told] > 20, seconds=40)
                bench.finding.faults = oracle.record.answers[told]
                bench.finding.need(f"answers {told}", bench.finding.faults, 1)
                ballast.unlink()
                freed = time.monotonic()
                if wal:
                    with contextlib.suppress(subprocess.CalledProcessError):
                        cluster.start()
                    freed = cluster.accepting()
                waited = first_ack(oracle, freed)
                bench.finding.notes.append(f"first ack after space {waited:.2f} s")
                bench.finding.hold("first ack after space", waited, DEAD_S)
            return bench.finding


def long_snapshot(cluster: Cluster, seed: int, *, seconds: float) -> Finding:
    """F16: somebody holds a snapshot; ingest and folds go on."""
    with lab(cluster, seed) as bench:
        with bench.load() as oracle, psycopg.connect(bench.replicas[0].database_url) as conn:
            oracle.reach(100)
            conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            conn.execute("SELECT count(*) FROM window_histogram")
            before = oracle.record.acked
            time.sleep(seconds)
            bench.finding.faults += 1
            bench.finding.need("batches under the snapshot", oracle.record.acked - before, seconds)
        return bench.finding


def no_connections(cluster: Cluster, seed: int, *, seconds: float) -> Finding:
    """F17: others take every connection that Postgres has."""
    with lab(cluster, seed) as bench:
        with bench.load() as oracle:
            oracle.reach(50)
            taken: list[psycopg.Connection[tuple[object, ...]]] = []
            with contextlib.suppress(psycopg.OperationalError):
                taken.extend(psycopg.connect(cluster.url("postgres")) for _ in itertools.count())
            for backend in cluster.backends():
                with contextlib.suppress(ProcessLookupError):
                    backend.terminate()
            with contextlib.suppress(psycopg.OperationalError):
                for _ in range(100):
                    taken.append(psycopg.connect(cluster.url("postgres")))
                    time.sleep(0.01)
            time.sleep(seconds)
            for connection in taken:
                connection.close()
            bench.finding.faults = oracle.record.answers["503 storage-unavailable"]
            bench.finding.notes.append(f"first ack after {first_ack(oracle, time.monotonic()):.2f} s")
        bench.finding.need("answers 503 storage-unavailable", bench.finding.faults, 1)
        return bench.finding


def locked(cluster: Cluster, seed: int, *, seconds: float) -> Finding:
    """F18: somebody locks the histograms; ingest goes on."""
    with lab(cluster, seed) as bench:
        with bench.load(audit=False) as oracle, psycopg.connect(bench.replicas[0].database_url) as conn:
            oracle.reach(50)
            conn.execute("LOCK TABLE window_histogram, window_total")
            before = oracle.record.acked
            time.sleep(seconds)
            bench.finding.faults += 1
            bench.finding.need("batches under the lock", oracle.record.acked - before, 5 * seconds)
            conn.rollback()
        refused = [code for code in oracle.record.answers if code.startswith("503")]
        bench.finding.problems += [f"ingest answered {code}" for code in refused]
        return bench.finding
