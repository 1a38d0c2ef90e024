"""Runs the seeded bugs, each under the faults that must bring it to light."""

import time
from typing import Final

from faults.cluster import Cluster
from faults.lab import Finding, Lab, lab
from faults.oracle import Habits
from faults.order import FAKETIME, faked
from faults.pruning import horizon

DOUBT: Final = {"DRIFTGAUGE_FAILPOINTS": "ingest.commit_sent=error:0.2"}


def caught(cluster: Cluster, seed: int, *, mutant: str) -> Finding:
    """Run a mutant; the finding is good when the harness found the mutant out."""
    if mutant == "no-late-rule":
        return _turned(horizon(cluster, seed, batches=60, mutant=mutant))
    settings = DOUBT if mutant == "doubt-under-new-ids" else {}
    if mutant == "wall-clock":
        if not FAKETIME:
            return Finding(missing=["Debian's faketime"])
        settings = faked(cluster, "+2d")
    with lab(cluster, seed, settings=[settings, {}], mutant=mutant) as bench:
        with bench.load(habits=Habits(again=0.3), patience_s=40) as oracle:
            oracle.reach(100, seconds=40)
            for number in range(4):
                _hurt(bench, cluster, mutant=mutant, number=number)
                bench.finding.faults += 1
                oracle.reach(oracle.record.acked + 30, seconds=20)
        return _turned(bench.finding)


def _hurt(bench: Lab, cluster: Cluster, *, mutant: str, number: int) -> None:
    if mutant == "lazy-commit":
        cluster.crash("postmaster", bench.random)
    elif mutant in {"ack-before-commit", "fold-in-two"}:
        replica = bench.replicas[number % 2]
        replica.kill()
        replica.start()
    else:
        time.sleep(1.0)


def _turned(finding: Finding) -> Finding:
    """What would be a failure of the program is a success of the harness."""
    proof = [f"lost {finding.lost}, doubled {finding.doubled}", *finding.problems[:1]]
    escaped = [] if finding.verdict == "FAILED" else ["the seeded bug was not noticed"]
    return Finding(finding.faults, finding.batches, finding.rows, problems=escaped, notes=proof)
