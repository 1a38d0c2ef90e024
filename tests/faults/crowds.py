"""Experiments with bad neighbours: slow clients, too little memory, another version (F15, F19b, F22)."""

import asyncio
import gzip
import itertools
import resource
import threading
import time
from collections import Counter
from typing import Final

import httpx
import psutil
import psycopg

from faults.cluster import Cluster
from faults.lab import Finding, Lab, lab, percentile
from faults.replica import Replica

CUT_S: Final = 35.0
SPARE_BYTES: Final = 768 * 2**20
"""What decoding may take at most; below that the JSON parser, which is written in Rust, aborts instead of failing."""
SPARE_FILES: Final = 48
_HEAD: Final = b"PUT /v1/models/subject/batches/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
_SCRAPE: Final = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Crowd(threading.Thread):
    """Clients that trickle, say nothing, or never read; each notes how long it was borne."""

    def __init__(self, port: int, *, trickling: int, silent: int, deaf: int) -> None:
        super().__init__(name="crowd", daemon=True)
        self._port = port
        self._clients = [self._trickle] * trickling + [self._keep_silent] * silent + [self._never_read] * deaf
        self.borne: list[float] = []

    def run(self) -> None:
        """Be a burden until everyone was sent away."""
        asyncio.run(self._all())

    async def _all(self) -> None:
        await asyncio.gather(*(self._one(place) for place in range(len(self._clients))))

    async def _one(self, place: int) -> None:
        began = time.monotonic()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1024)
            try:
                async with asyncio.timeout(2 * CUT_S):
                    await self._clients[place](reader, writer)
            finally:
                writer.transport.abort()
        except (OSError, TimeoutError):
            pass
        self.borne.append(time.monotonic() - began)

    async def _trickle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended = asyncio.create_task(reader.read())
        for place in itertools.count():
            writer.write(_HEAD[place : place + 1] or b"x")
            done, _ = await asyncio.wait([ended], timeout=1.0)
            if done:
                return

    async def _keep_silent(self, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def _never_read(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(_SCRAPE * 20)
            await writer.drain()
            await asyncio.sleep(0.05)


def slow_clients(cluster: Cluster, seed: int, *, trickling: int, silent: int, deaf: int) -> Finding:
    """F15: a crowd of slow clients at one replica; everybody else is served as before, and each of them is cut off."""
    connections = str(2 * (trickling + silent + deaf))
    with lab(cluster, seed, settings={"DRIFTGAUGE_MAX_CONNECTIONS": connections}) as bench:
        with bench.load() as oracle:
            oracle.reach(200)
            port = bench.replicas[0].port
            before = percentile(oracle.record.latencies[port], 0.99)
            seen = len(oracle.record.latencies[port])
            crowd = Crowd(port, trickling=trickling, silent=silent, deaf=deaf)
            crowd.start()
            crowd.join(3 * CUT_S)
            during = percentile(oracle.record.latencies[port][seen:], 0.99)
        bench.finding.faults = len(crowd.borne)
        bench.finding.need("slow clients cut off", len(crowd.borne), trickling + silent + deaf)
        bench.finding.hold("longest that a slow client was borne", max(crowd.borne, default=0.0), CUT_S)
        bench.finding.notes.append(f"ack p99 {before:.2f} s before, {during:.2f} s among them")
        return bench.finding


def upgraded(cluster: Cluster, seed: int, *, seconds: float) -> Finding:
    """F19b: the next version has brought the schema further; this one goes on and counts exactly."""
    with lab(cluster, seed) as bench:
        with bench.load() as oracle, psycopg.connect(bench.replicas[0].database_url, autocommit=True) as conn:
            oracle.reach(100)
            for table in ("batch_ledger", "delta_journal", "window_total", "window_histogram", "model"):
                conn.execute(f"ALTER TABLE {table} ADD COLUMN of_the_next_version text DEFAULT 'new'".encode())
                bench.finding.faults += 1
            conn.execute("UPDATE alembic_version SET version_num = 'next'")
            before = oracle.record.acked
            time.sleep(seconds)
            bench.finding.need("batches beside the next version", oracle.record.acked - before, 5 * seconds)
            conn.execute("DELETE FROM alembic_version")
            conn.execute("INSERT INTO alembic_version SELECT %s", (_head(),))
        return bench.finding


def _head() -> str:
    from app.storage.migrate import head_revision  # noqa: PLC0415 - the replicas' own word

    return head_revision()


def starved(cluster: Cluster, seed: int, *, seconds: float) -> Finding:
    """F22: bombs at a replica that may have little more memory and few more files; it refuses, and lives."""
    with lab(cluster, seed) as bench:
        victim = bench.replicas[0]
        answers: Counter[str] = Counter()
        with bench.load() as oracle:
            oracle.reach(100)
            pid = _limit(victim)
            end = time.monotonic() + seconds
            bombers = [threading.Thread(target=_bomb, args=(victim, kind, end, answers)) for kind in range(6)]
            for bomber in bombers:
                bomber.start()
            for bomber in bombers:
                bomber.join()
            oracle.reach(oracle.record.acked + 100)
        bench.finding.faults = sum(answers.values())
        _check(bench, victim, pid, answers=answers)
        return bench.finding


def _check(bench: Lab, victim: Replica, pid: int, *, answers: Counter[str]) -> None:
    if victim.process is None or victim.process.pid != pid:
        bench.finding.problems.append("the replica died")
    bench.finding.problems += [f"{count} answers {code}" for code, count in answers.items() if code.startswith("500")]
    bench.finding.need("bombs answered", sum(answers.values()) - answers["no answer"], 10)
    bench.finding.notes.append("bombs: " + ", ".join(f"{count}x {code}" for code, count in sorted(answers.items())))


def _limit(victim: Replica) -> int:
    if victim.process is None:
        raise AssertionError("the replica does not run")
    process = psutil.Process(victim.process.pid)
    size = process.memory_info().vms + SPARE_BYTES
    files = process.num_fds() + SPARE_FILES
    resource.prlimit(process.pid, resource.RLIMIT_AS, (size, size))
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (files, files))
    return process.pid


def _bomb(victim: Replica, kind: int, end: float, answers: Counter[str]) -> None:
    packed = kind % 2 == 0
    body = gzip.compress(bytes(2**26), 1) if packed else b"[" + b"[]," * 2_000_000 + b"[]]"
    headers = {"content-encoding": "gzip"} if packed else {}
    for number in itertools.count():
        if time.monotonic() > end:
            return
        path = f"{victim.url}/v1/models/subject/batches/bomb{kind}-{number}"
        try:
            found = httpx.put(path, content=body, headers=headers, timeout=30)
            code = f"{found.status_code} {found.json().get('code')}"
        except (httpx.HTTPError, ValueError):
            code = "no answer"
        answers[code] += 1
