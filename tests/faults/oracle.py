"""The sender that never dies: it freezes each batch before it sends it, and sends it until it is answered for good."""

import asyncio
import hashlib
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from faults.line import Answer, Lines, LostError, Target
from faults.subject import Batch, Books, Subject

AGAIN: Final = frozenset({408, 409, 429, 503})
PATIENCE_S: Final = 12.0


@dataclass(frozen=True, slots=True)
class Habits:
    """How batches are delivered: shares of them sent at once to two targets, and sent again after the answer.

    `ways` sends each so many times at once; a sticky client has one target for all its first tries.
    """

    clients: int = 24
    doubles: float = 0.10
    again: float = 0.05
    ways: tuple[int, int] | None = None
    pause_s: float = 0.0
    sticky: bool = False


@dataclass(slots=True)
class Record:
    """What the sender saw."""

    sent: int = 0
    acked: int = 0
    refused: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    firsts: Counter[int] = field(default_factory=Counter)
    duplicates: int = 0
    faults: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    ack_times: list[float] = field(default_factory=list)
    latencies: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    refusals: Counter[tuple[int, str]] = field(default_factory=Counter)


class Oracle(threading.Thread):
    """Sends batches of a subject from a thread of its own until told to stop, then until each is resolved."""

    def __init__(
        self,
        subject: Subject,
        targets: Sequence[Target],
        *,
        habits: Habits | None = None,
        audited: Sequence[Target] = (),
        numbers: Iterable[int] | None = None,
    ) -> None:
        super().__init__(name="oracle", daemon=True)
        self.subject = subject
        self.targets = list(targets)
        self.habits = habits or Habits()
        self.numbers = iter(range(10**9) if numbers is None else numbers)
        self.record = Record()
        self.sent = Books.empty(subject.shape.windows)
        self.acked = Books.empty(subject.shape.windows)
        self.audits = 0
        self.bad_audits: list[str] = []
        self._audited = list(audited)
        self._random = Random(subject.seed)
        self._receipts: dict[int, bytes] = {}
        self._stopping = threading.Event()
        self._giving_up = threading.Event()
        self._lines = Lines(timeout=PATIENCE_S)
        self.crash: BaseException | None = None

    def run(self) -> None:
        """Send until told to stop."""
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001 - the verdict reports it
            self.crash = error

    def finish(self, *, seconds: float = 120.0) -> None:
        """Begin no new batch, and wait until every batch is resolved."""
        self._stopping.set()
        self.join(seconds)
        self._giving_up.set()
        self.join(PATIENCE_S * 2)

    def reach(self, batches: int, *, seconds: float = 600.0) -> None:
        """Wait until so many batches are acknowledged."""
        end = time.monotonic() + seconds
        while self.record.acked < batches and self.is_alive() and time.monotonic() < end:
            time.sleep(0.02)

    @property
    def unresolved(self) -> int:
        """How many batches were sent and never answered for good."""
        return self.record.sent - self.record.acked - len(self.record.refused)

    async def _main(self) -> None:
        audits = [asyncio.create_task(self._audit(target)) for target in self._audited]
        try:
            await asyncio.gather(*(self._client(place) for place in range(self.habits.clients)))
        finally:
            for audit in audits:
                audit.cancel()
            await asyncio.gather(*audits, return_exceptions=True)
            self._lines.close()

    async def _client(self, place: int) -> None:
        own = self.targets[place % len(self.targets)]
        while not self._stopping.is_set():
            number = next(self.numbers, None)
            if number is None:
                return
            batch = self.subject.batch(number)
            self.record.sent += 1
            self.sent.enter(batch)
            await asyncio.gather(*(self._deliver(batch, target) for target in self._ways(own)))
            if self._random.random() < self.habits.again:
                await self._deliver(batch, self._random.choice(self.targets))
            if self.habits.pause_s:
                await asyncio.sleep(self.habits.pause_s * self._random.random())

    def _ways(self, own: Target) -> list[Target]:
        random = self._random
        if self.habits.ways is not None:
            return random.choices(self.targets, k=random.randint(*self.habits.ways))
        if random.random() < self.habits.doubles:
            return random.sample(self.targets, min(2, len(self.targets)))
        return [own if self.habits.sticky else random.choice(self.targets)]

    async def _deliver(self, batch: Batch, target: Target) -> None:
        path = f"{self.subject.path}/batches/{batch.id}"
        while not self._giving_up.is_set():
            began = time.monotonic()
            try:
                answer = await self._lines.ask(target, "PUT", path, body=batch.body)
            except LostError:
                self.record.lost += 1
                answer = None
            if answer is not None:
                taken = time.monotonic() - began
                self.record.slowest_s = max(self.record.slowest_s, taken)
                if self._resolved(batch, answer, port=target.port):
                    self.record.latencies[target.port].append(taken)
                    return
            await asyncio.sleep(self._random.uniform(0.02, 0.2))
            target = self._random.choice(self.targets)

    def _resolved(self, batch: Batch, answer: Answer, *, port: int) -> bool:
        record = self.record
        if answer.status == 200:
            record.answers["200"] += 1
            self._acknowledged(batch, answer.json())
            return True
        problem = answer.json() if answer.headers.get("content-type") == "application/problem+json" else {}
        code = f"{answer.status} {problem.get('code', '?')}"
        record.answers[code] += 1
        record.refusals[port, code] += 1
        if not problem or (answer.status in {429, 503} and "retry-after" not in answer.headers):
            record.faults.append(f"an answer {answer.status} without problem document or Retry-After")
        if answer.status in AGAIN:
            return False
        record.refused.append(f"{batch.id}: {answer.status} {answer.body[:200]!r}")
        return True

    def _acknowledged(self, batch: Batch, receipt: Any) -> None:
        duplicate = receipt.pop("duplicate")
        self.record.duplicates += duplicate
        self.record.firsts[batch.number] += not duplicate
        seal = hashlib.sha256(json.dumps(receipt, sort_keys=True).encode()).digest()
        first = self._receipts.setdefault(batch.number, seal)
        if first is seal:
            self.record.acked += 1
            self.record.ack_times.append(time.monotonic())
            self.acked.enter(batch)
            if not self.subject.counts_expected(receipt, batch):
                self.record.faults.append(f"{batch.id}: wrong receipt {receipt['rows']}")
        elif first != seal:
            self.record.faults.append(f"{batch.id}: two different receipts, the second with {receipt['rows']}")
        if self.record.firsts[batch.number] > 1:
            self.record.faults.append(f"{batch.id}: counted twice by its receipts")

    async def _audit(self, target: Target) -> None:
        """Look again and again: no read may miss what was acknowledged before it, or hold what was never sent."""
        balance = f"/v1/admin/ledger-balance?model={self.subject.name}"
        while True:
            await asyncio.sleep(self._random.uniform(0.02, 0.1))
            try:
                least = self.acked.rows
                windows = await self._lines.ask(target, "GET", f"{self.subject.path}/windows")
                most = self.sent.rows
                books = await self._lines.ask(target, "GET", balance)
                start = self.subject.start(self._random.randrange(self.subject.shape.windows))
                histogram = await self._lines.ask(target, "GET", f"{self.subject.path}/windows/{start}/histograms")
            except LostError:
                continue
            if windows.status == 200:
                self._check_windows(windows.json(), least=least.tolist(), most=most.tolist())
            if books.status == 200 and books.json()["imbalance"]:
                self.bad_audits.append(f"balance {books.json()}")
            if histogram.status == 200:
                self._check_histogram(histogram.json())
            self.audits += 1

    def _check_windows(self, windows: Any, *, least: list[int], most: list[int]) -> None:
        stored = {one["start"]: one["rows"] for one in windows}
        for number, (low, high) in enumerate(zip(least, most, strict=True)):
            rows = stored.get(self.subject.start(number), 0)
            if not low <= rows <= high:
                self.bad_audits.append(f"{rows} rows in {self.subject.start(number)}, not {low} to {high}")

    def _check_histogram(self, read: Any) -> None:
        for name, feature in read["features"].items():
            if sum(one["count"] for one in feature["bins"]) != read["rows"]:
                self.bad_audits.append(f"{name} in {read['window_start']} does not sum to its rows")
