"""The experiments by tier, one line each."""

import argparse
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from faults import caught, crowds, database, kills, network, order, pruning, soak
from faults.cluster import Cluster, available
from faults.lab import Finding
from faults.mutants import MUTANTS

Work = Callable[[Cluster, int], Finding]
HEAD: Final = ("", "fault", "faults", "batches", "rows", "lost", "doubled", "verdict", "s")
WIDTHS: Final = (5, 38, 7, 8, 9, 6, 8, 8, 5)
CI_MUTANTS: Final = ("no-dedupe", "ack-before-commit", "fold-in-two", "no-late-rule", "no-snapshot")


@dataclass(frozen=True, slots=True)
class Experiment:
    """A fault, how it is brought about in the short and in the long tier, and whether every change must stand it."""

    id: str
    title: str
    short: Work
    long: Work
    ci: bool = True


EXPERIMENTS: Final = (
    Experiment(
        "F1",
        "replicas killed",
        partial(kills.kill_storm, kills=20, batches=2_000),
        partial(kills.kill_storm, kills=100, batches=20_000, crashes=20),
    ),
    Experiment(
        "F2", "killed at each of 14 steps", partial(kills.failpoints, each=2), partial(kills.failpoints, each=20)
    ),
    Experiment("F3", "Postgres crashed", partial(database.crashes, times=9), partial(database.crashes, times=51)),
    Experiment(
        "F4", "Postgres stopped", partial(database.stopped, seconds=8), partial(database.stopped, seconds=60), ci=False
    ),
    Experiment(
        "F5",
        "Postgres frozen",
        partial(database.frozen, lengths=(10.0,), backends=3),
        partial(database.frozen, lengths=(1.0, 10.0, 60.0), backends=20),
    ),
    Experiment(
        "F6",
        "replica frozen",
        partial(kills.frozen_replica, times=2, seconds=3),
        partial(kills.frozen_replica, times=20, seconds=30),
        ci=False,
    ),
    Experiment("F7", "data disk full", partial(database.full_disk, wal=False), partial(database.full_disk, wal=False)),
    Experiment(
        "F8",
        "WAL disk full",
        partial(database.full_disk, wal=True),
        partial(database.full_disk, wal=True),
        ci=False,
    ),
    Experiment(
        "F9",
        "clock of a replica jumps",
        partial(order.clocks, jumps=5, seconds=2),
        partial(order.clocks, jumps=20, seconds=5),
    ),
    Experiment("F10", "same batch 2 to 8 ways", partial(order.race, batches=500), partial(order.race, batches=5_000)),
    Experiment(
        "F11a",
        "network to the senders",
        partial(network.client_side, seconds=4, swallowed=300),
        partial(network.client_side, seconds=30, swallowed=1_000),
    ),
    Experiment(
        "F11b",
        "network to Postgres",
        partial(network.postgres_side, seconds=5),
        partial(network.postgres_side, seconds=30),
    ),
    Experiment(
        "F12",
        "disorder over a day",
        partial(order.disorder, batches=300),
        partial(order.disorder, batches=20_000),
        ci=False,
    ),
    Experiment(
        "F13", "replays after pruning", partial(pruning.horizon, batches=100), partial(pruning.horizon, batches=500)
    ),
    Experiment(
        "F14",
        "burst",
        partial(order.burst, clients=100, batches=500),
        partial(order.burst, clients=200, batches=5_000),
        ci=False,
    ),
    Experiment(
        "F15",
        "slow clients",
        partial(crowds.slow_clients, trickling=200, silent=40, deaf=10),
        partial(crowds.slow_clients, trickling=1_000, silent=200, deaf=50),
        ci=False,
    ),
    Experiment(
        "F16",
        "snapshot held",
        partial(database.long_snapshot, seconds=10),
        partial(database.long_snapshot, seconds=600),
        ci=False,
    ),
    Experiment(
        "F17",
        "no connection left",
        partial(database.no_connections, seconds=5),
        partial(database.no_connections, seconds=20),
        ci=False,
    ),
    Experiment("F18", "histograms locked", partial(database.locked, seconds=5), partial(database.locked, seconds=20)),
    Experiment(
        "F19", "migrators killed", partial(soak.migrations, times=4), partial(soak.migrations, times=20), ci=False
    ),
    Experiment(
        "F19b",
        "beside the next version",
        partial(crowds.upgraded, seconds=5),
        partial(crowds.upgraded, seconds=60),
        ci=False,
    ),
    Experiment(
        "F20",
        "behind a transaction pooler",
        partial(network.pooled, kills=3, crashes=3),
        partial(network.pooled, kills=20, crashes=10),
        ci=False,
    ),
    Experiment("F21", "SIGTERM", partial(kills.polite_stop, times=8), partial(kills.polite_stop, times=50)),
    Experiment(
        "F22",
        "too little memory, too few files",
        partial(crowds.starved, seconds=10),
        partial(crowds.starved, seconds=60),
        ci=False,
    ),
    Experiment(
        "F23",
        "model changed under load",
        partial(order.changes, seconds=5),
        partial(order.changes, seconds=60),
        ci=False,
    ),
    Experiment("F24", "all faults in turn", partial(soak.soak, minutes=2), partial(soak.soak, minutes=60), ci=False),
    *(
        Experiment(
            f"M{number}",
            f"seeded bug: {name}",
            partial(caught.caught, mutant=name),
            partial(caught.caught, mutant=name),
            ci=name in CI_MUTANTS,
        )
        for number, name in enumerate(MUTANTS, 1)
    ),
)


def main() -> int:
    """Run the tier, or only some experiments of it; 1 when one failed, 2 when one proved nothing."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="ID", help="experiments to run, e.g. F1 M3; all without")
    parser.add_argument("--long", action="store_true", help="the long tier")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 100_000, help="repeat a run")
    asked = parser.parse_args()
    if not available():
        write("Debian's postgresql-15 is needed: apt-get install postgresql-15 pgbouncer faketime")
        return 2
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    write(f"seed {asked.seed}")
    write(line(HEAD))
    verdicts = []
    with Cluster() as cluster:
        for experiment in EXPERIMENTS:
            if experiment.id in asked.only or (not asked.only and (asked.long or experiment.ci)):
                work = experiment.long if asked.long else experiment.short
                verdicts.append(perform(experiment, work, cluster=cluster, seed=asked.seed))
    return 1 if "FAILED" in verdicts else 2 if "invalid" in verdicts else 0


def perform(experiment: Experiment, work: Work, *, cluster: Cluster, seed: int) -> str:
    """Run one experiment and print its line; gives the verdict."""
    began = time.monotonic()
    try:
        found = work(cluster, seed)
    except Exception:  # noqa: BLE001 - one broken experiment must not hide the others
        found = Finding(problems=[traceback.format_exc(limit=-4)])
        cluster.recover()
    figures = (found.faults, found.batches, found.rows, found.lost, found.doubled)
    taken = f"{time.monotonic() - began:.0f}"
    verdict = "caught" if experiment.id.startswith("M") and found.verdict == "exact" else found.verdict
    write(line((experiment.id, experiment.title, *(f"{figure:,}" for figure in figures), verdict, taken)))
    for remark in (*found.problems, *(f"needed: {one}" for one in found.missing), *found.notes):
        write(f"      {remark[:1500]}")
    return found.verdict


def line(cells: tuple[str, ...]) -> str:
    """One line of the table."""
    aligned = [f"{cell:<{w}}" if w in {5, 38} else f"{cell:>{w}}" for cell, w in zip(cells, WIDTHS, strict=True)]
    return " ".join(aligned).rstrip()


def write(text: str) -> None:
    """Print now."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
