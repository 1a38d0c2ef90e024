"""Experiments with the network between clients, replicas and Postgres: F11, F20."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Final

from faults.cluster import Cluster
from faults.database import first_ack
from faults.lab import Finding, lab, sleep_until
from faults.line import Target
from faults.ports import free_port
from faults.proxy import HEALTHY, Proxy, Toxic

PGBOUNCER: Final = "/usr/sbin/pgbouncer"
CLIENT_TOXICS: Final = {
    "latency": Toxic(latency_s=0.3),
    "bandwidth": Toxic(bytes_per_s=20_000),
    "slice": Toxic(slice_bytes=64),
    "blackhole": Toxic(blackhole=True),
    "reset": Toxic(reset_after=3000, share=0.3),
    "half-close": Toxic(half_close=True, share=0.2),
    "replay": Toxic(replay=True, share=0.5),
    "hold": Toxic(hold_s=0.5),
}
POSTGRES_TOXICS: Final = {
    "latency": Toxic(latency_s=0.05),
    "slice": Toxic(slice_bytes=64),
    "blackhole": Toxic(blackhole=True),
    "reset": Toxic(reset_after=2000, share=0.02),
    "half-close": Toxic(half_close=True, share=0.02),
    "swallow": Toxic(swallow=True, share=0.02),
}
SWALLOW: Final = Toxic(swallow=True, share=0.4)


def client_side(cluster: Cluster, seed: int, *, seconds: float, swallowed: int) -> Finding:
    """F11: nine ways in which the network between sender and service goes wrong, the lost reply above all."""
    with lab(cluster, seed) as bench, ExitStack() as stack:
        bench.answer_s = 13.0
        proxies = [stack.enter_context(Proxy(replica.port, seed=seed)) for replica in bench.replicas]
        with bench.load(targets=[Target(proxy.port) for proxy in proxies]) as oracle:
            for toxic in CLIENT_TOXICS.values():
                _misbehave(proxies, toxic, lambda: False, seconds=seconds)
            _misbehave(proxies, SWALLOW, lambda: _hits(proxies, "swallow") >= swallowed, seconds=600)
            first_ack(oracle, time.monotonic())
        _account(bench.finding, proxies, CLIENT_TOXICS)
        bench.finding.need("replies swallowed", _hits(proxies, "swallow"), swallowed)
        return bench.finding


def postgres_side(cluster: Cluster, seed: int, *, seconds: float) -> Finding:
    """F11: the same between the service and Postgres, answers to COMMIT among the victims."""
    with (
        Proxy(cluster.port, seed=seed) as proxy,
        lab(cluster, seed, url=lambda name: cluster.url(name, port=proxy.port)) as bench,
    ):
        with bench.load() as oracle:
            for toxic in POSTGRES_TOXICS.values():
                _misbehave([proxy], toxic, lambda: False, seconds=seconds)
            first_ack(oracle, time.monotonic())
        _account(bench.finding, [proxy], POSTGRES_TOXICS)
        return bench.finding


def _misbehave(proxies: list[Proxy], toxic: Toxic, done: Callable[[], bool], *, seconds: float) -> None:
    for proxy in proxies:
        proxy.misbehave(toxic)
    sleep_until(done, seconds=seconds)
    for proxy in proxies:
        proxy.misbehave(HEALTHY)


def _hits(proxies: list[Proxy], what: str) -> int:
    return sum(proxy.hits[what] for proxy in proxies)


def _account(finding: Finding, proxies: list[Proxy], toxics: dict[str, Toxic]) -> None:
    for name in toxics:
        finding.need(f"hits of {name}", _hits(proxies, name), 1)
    finding.faults = sum(proxy.hits.total() for proxy in proxies)
    finding.notes.append(f"{_hits(proxies, 'swallow')} replies swallowed")


@contextmanager
def pgbouncer(cluster: Cluster) -> Iterator[int]:
    """A PgBouncer in transaction mode before the cluster; gives its port."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="dg-bouncer-") as folder:
        home = Path(folder)
        (home / "users.txt").write_text('"postgres" ""\n', encoding="ascii")
        lines = [
            "[databases]",
            f"* = host=127.0.0.1 port={cluster.port}",
            "[pgbouncer]",
            "listen_addr=127.0.0.1",
            f"listen_port={port}",
            "unix_socket_dir=",
            "auth_type=trust",
            f"auth_file={home / 'users.txt'}",
            "pool_mode=transaction",
            "default_pool_size=10",
            "max_client_conn=500",
            "server_check_delay=0",
        ]
        (home / "pgbouncer.ini").write_text("\n".join([*lines, ""]), encoding="ascii")
        if cluster.user:
            shutil.chown(home, cluster.user, cluster.user)
        log = (home / "log").open("wb")
        process = subprocess.Popen(
            [PGBOUNCER, str(home / "pgbouncer.ini")],
            user=cluster.user,
            group=cluster.user,
            cwd="/",
            stdout=log,
            stderr=log,
        )
        try:
            yield port
        finally:
            process.kill()
            process.wait()
            log.close()


def pooled(cluster: Cluster, seed: int, *, kills: int, crashes: int) -> Finding:
    """F20: kills and crashes with a transaction-mode PgBouncer in between."""
    if not os.access(PGBOUNCER, os.X_OK):
        return Finding(missing=["PgBouncer"])
    with pgbouncer(cluster) as port, lab(cluster, seed, url=lambda name: cluster.url(name, port=port)) as bench:
        random = Random(seed)
        with bench.load() as oracle:
            for number in range(kills + crashes):
                oracle.reach(30 * (number + 1))
                if number % 2 and number // 2 < crashes:
                    cluster.crash(("restart", "backend", "postmaster")[number // 2 % 3], random)
                else:
                    replica = random.choice(bench.replicas)
                    replica.kill()
                    replica.start()
                bench.finding.faults += 1
            first_ack(oracle, time.monotonic())
        return bench.finding
