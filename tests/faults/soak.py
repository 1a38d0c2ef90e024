"""F19 and F24: migrations that are killed, and every fault in turn for as long as told."""

import os
import random as seeded
import subprocess
import time
from typing import Final

from app.storage.database import Database
from app.storage.migrate import is_current
from faults.cluster import Cluster
from faults.database import first_ack
from faults.lab import Finding, Lab, lab
from service import command

PAUSE_S: Final = 10.0


def migrations(cluster: Cluster, seed: int, *, times: int) -> Finding:
    """F19: several migrators at once, killed at any moment; the last one finds nothing half done."""
    finding = Finding()
    random = seeded.Random(seed)
    url = cluster.url(cluster.create())
    environment = {**os.environ, "DRIFTGAUGE_DATABASE_URL": url}
    for _ in range(times):
        started = [
            subprocess.Popen(command("migrate"), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(2)
        ]
        time.sleep(random.uniform(1.0, 6.0))
        for process in started:
            finding.faults += process.poll() is None
            process.kill()
            process.wait()
    ended = subprocess.run(
        command("migrate"), env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    if ended.returncode:
        finding.problems.append(ended.stderr[-300:])
    database = Database(url)
    with database.transaction() as conn:
        if not is_current(conn):
            finding.problems.append("the schema is behind")
    database.close()
    finding.need("migrators killed", finding.faults, times)
    return finding


def soak(cluster: Cluster, seed: int, *, minutes: float) -> Finding:
    """F24: a random fault every ten seconds."""
    with lab(cluster, seed) as bench:
        faults = (_kill, _stop, _freeze, _crash, _freeze_postgres)
        with bench.load() as oracle:
            end = time.monotonic() + minutes * 60
            while time.monotonic() < end:
                time.sleep(PAUSE_S)
                bench.random.choice(faults)(bench, cluster)
                bench.finding.faults += 1
                first_ack(oracle, time.monotonic())
        return bench.finding


def _kill(bench: Lab, _: Cluster) -> None:
    replica = bench.random.choice(bench.replicas)
    replica.kill()
    replica.start()


def _stop(bench: Lab, _: Cluster) -> None:
    replica = bench.random.choice(bench.replicas)
    replica.terminate()
    replica.start()


def _freeze(bench: Lab, _: Cluster) -> None:
    replica = bench.random.choice(bench.replicas)
    replica.freeze()
    time.sleep(bench.random.uniform(0.5, 5.0))
    replica.thaw()


def _crash(bench: Lab, cluster: Cluster) -> None:
    cluster.crash(bench.random.choice(("restart", "backend", "postmaster")), bench.random)


def _freeze_postgres(bench: Lab, cluster: Cluster) -> None:
    cluster.freeze()
    time.sleep(bench.random.uniform(0.5, 5.0))
    cluster.thaw()
