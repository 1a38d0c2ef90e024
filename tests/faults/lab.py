"""The bench of an experiment: a database, two replicas, a model, a sender, and the verdict."""

import contextlib
import math
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final, Protocol, TypeVar

import httpx

from faults.line import Target
from faults.oracle import Habits, Oracle
from faults.replica import Replica
from faults.subject import Shape, Subject, Tally

MEMORY_BYTES: Final = 512 * 2**20
ANSWER_S: Final = 11.0
Found = TypeVar("Found")


class Databases(Protocol):
    """A Postgres that hands out databases."""

    def create(self) -> str:
        """Make an empty database and give its name."""

    def url(self, name: str, /) -> str:
        """How to reach it."""


@dataclass(slots=True)
class Finding:
    """What one experiment found."""

    faults: int = 0
    batches: int = 0
    rows: int = 0
    lost: int = 0
    doubled: int = 0
    problems: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """`exact`, `FAILED`, or `invalid` when the fault did not hit and nothing is proved."""
        if self.lost or self.doubled or self.problems:
            return "FAILED"
        return "invalid" if self.missing else "exact"

    def need(self, what: str, found: float, least: float) -> None:
        """The experiment proves nothing unless so many were found."""
        if found < least:
            self.missing.append(f"{found:g} {what}, not {least:g}")

    def hold(self, what: str, found: float, most: float) -> None:
        """A figure that must not be exceeded."""
        if found > most:
            self.problems.append(f"{what} {found:.2f}, more than {most:g}")


@dataclass(slots=True)
class Lab:
    """Everything that an experiment may break."""

    replicas: list[Replica]
    subject: Subject
    random: Random
    finding: Finding = field(default_factory=Finding)
    answer_s: float = ANSWER_S

    @property
    def targets(self) -> list[Target]:
        """The replicas' addresses."""
        return [Target(replica.port) for replica in self.replicas]

    @contextmanager
    def load(
        self,
        *,
        habits: Habits | None = None,
        targets: Sequence[Target] = (),
        numbers: Iterable[int] | None = None,
        patience_s: float = 120.0,
        audit: bool = True,
    ) -> Iterator[Oracle]:
        """Send while the block runs; afterwards resolve every batch and judge what is stored."""
        chosen = targets or self.targets
        oracle = Oracle(self.subject, chosen, habits=habits, audited=self.targets if audit else (), numbers=numbers)
        oracle.start()
        try:
            yield oracle
        finally:
            oracle.finish(seconds=patience_s)
        self.judge(oracle)

    def judge(self, *oracles: Oracle) -> None:
        """Compare what is stored with what the senders were told."""
        found = self.finding
        for replica in self.replicas:
            if not replica.alive:
                replica.start()
        truth = oracles[0].acked
        answers: Counter[str] = Counter()
        for oracle in oracles:
            record = oracle.record
            answers += record.answers
            found.batches += record.acked
            found.problems += record.refused[:3] + record.faults[:3] + oracle.bad_audits[:3]
            if oracle.unresolved:
                found.problems.append(f"{oracle.unresolved} batches never answered for good")
            if oracle.crash is not None:
                found.problems.append(f"the sender crashed: {oracle.crash!r}")
            found.hold("slowest answer", record.slowest_s, self.answer_s)
        found.problems += [f"{count} answers {code}" for code, count in answers.items() if code.startswith("500")]
        found.rows += int(truth.rows.sum())
        for replica in self.replicas:
            tally = self.compare(replica, oracles[0])
            found.lost, found.doubled = max(found.lost, tally.lost), max(found.doubled, tally.doubled)
            found.problems += tally.wrong[:3]
        self.check_memory()
        found.notes.append(", ".join(f"{count}x {code}" for code, count in sorted(answers.items())))
        found.notes.append(f"{sum(oracle.audits for oracle in oracles)} audits")

    def compare(self, replica: Replica, oracle: Oracle) -> Tally:
        """Read everything back through one replica."""
        with httpx.Client(base_url=replica.url, timeout=60.0) as client:
            return patiently(lambda: self.subject.compare(client, oracle.acked))

    def check_memory(self) -> None:
        """No replica may ever have held more than it is allowed."""
        for replica in self.replicas:
            replica.measure()
            self.finding.hold("memory of a replica in MiB", replica.peak_bytes / 2**20, MEMORY_BYTES / 2**20)


@contextmanager
def lab(
    cluster: Databases,
    seed: int,
    *,
    replicas: int = 2,
    settings: Mapping[str, str] | Sequence[Mapping[str, str]] = (),
    shape: Shape | None = None,
    mutant: str | None = None,
    url: Callable[[str], str] | None = None,
) -> Iterator[Lab]:
    """A fresh database, replicas on it, and a model with an active baseline."""
    each = [settings] * replicas if isinstance(settings, Mapping) else list(settings) or [{}] * replicas
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dg-replicas-", ignore_cleanup_errors=True)))
        address = (url or cluster.url)(cluster.create())
        subject = Subject(seed, shape)
        started = [Replica(address, home, own, mutant=mutant) for own in each]
        for replica in started:
            stack.callback(replica.end)
            replica.launch()
        for replica in started:
            replica.wait_ready()
        subject.create(started[0].url)
        bench = Lab(started, subject, Random(seed))
        try:
            yield bench
        finally:
            if bench.finding.verdict == "FAILED" and mutant is None:
                kept = tempfile.mkdtemp(prefix="dg-failed-")
                for replica in started:
                    shutil.copy(replica.log, kept)
                bench.finding.notes.append(f"logs in {kept}")


def patiently(work: Callable[[], Found], *, seconds: float = 60.0) -> Found:
    """Repeat what fails for want of a database or a replica."""
    end = time.monotonic() + seconds
    while True:
        try:
            return work()
        except httpx.HTTPError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that is at least as large as this share of them; nan of nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def sleep_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Wait for a condition; gives whether it came."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        with contextlib.suppress(InterruptedError):
            time.sleep(0.02)
    return True
