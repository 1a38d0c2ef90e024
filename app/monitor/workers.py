"""What a replica does in the background: fold, evaluate, refresh the gauges, prune."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from app.errors import Problem
from app.monitor import samples
from app.monitor.evaluate import due, evaluate, evaluate_rollups, fold_all, rollups_due
from app.monitor.gauges import outdated, publish
from app.monitor.novelty import prune_novelties
from app.monitor.retain import prune, prune_samples, prune_windows
from app.monitor.service import Service
from app.monitor.sweep import sweep
from app.storage import accounts, exposition, fold, pairing

BREATH: Final = 3
"""A round rests this many times as long as it took, so that no number of models fills the processor."""
BALANCE_BREATH: Final = 200
"""The books are summed from the first batch on; with years of them that is done as seldom as it takes long."""

log = structlog.get_logger()


class Workers:
    """The background threads of one replica; each round is claimed in the database, so replicas share the work."""

    def __init__(self, service: Service) -> None:
        """Prepare the rounds; nothing runs before `start`."""
        policy = service.policy
        self._service = service
        self._stop = threading.Event()
        self._shown = -1
        self._balance_due_s = 0.0
        rounds: list[tuple[str, Callable[[], None], int]] = [
            ("fold", self._fold, policy.fold_interval_us),
            ("evaluate", self._evaluate, policy.evaluate_interval_us),
            ("refresh", self._refresh, policy.refresh_interval_us),
            ("account", self._account, policy.account_interval_us),
            ("pair", self._pair, min(1_000_000, max(50_000, policy.pairing_timeout_us // 4))),
            ("prune", self._prune, policy.prune_interval_us),
        ]
        self._threads = [
            threading.Thread(target=self._rounds, args=each, name=f"driftgauge-{each[0]}", daemon=True)
            for each in rounds
        ]

    def start(self) -> None:
        """Start the rounds."""
        for thread in self._threads:
            thread.start()

    def stop(self, *, timeout_s: float = 5.0) -> None:
        """End after the rounds under way."""
        self._stop.set()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _rounds(self, name: str, work: Callable[[], None], interval_us: int) -> None:
        pause = interval_us / 1e6
        while not self._stop.wait(pause):
            started = time.monotonic()
            with self._noted(name):
                work()
            pause = max(interval_us / 1e6, (time.monotonic() - started) * BREATH)

    @contextmanager
    def _noted(self, name: str, model: str | int | None = None) -> Iterator[None]:
        """Log what goes wrong in a round, or for one model in it, and let the others go on."""
        try:
            yield
        except Problem as problem:
            log.warning("round postponed", round=name, model=model, code=problem.code)
        except Exception:
            log.exception("round failed", round=name, model=model)

    def _fold(self) -> None:
        service = self._service
        with service.database.snapshot() as conn:
            pending = fold.pending_models(conn)
        for model_id in pending:
            if self._stop.is_set():
                return
            with self._noted("fold", model_id):
                fold_all(service, model_id)

    def _evaluate(self) -> None:
        service = self._service
        waiting = {watched.model.name for watched in due(service)}
        for name in service.catalog.names():
            if self._stop.is_set():
                return
            if name not in waiting:
                service.instruments.evaluated(name, at_us=service.now_us())
                continue
            done = False
            with self._noted("evaluate", name):
                self._evaluate_model(name)
                done = True
            if not done:
                service.instruments.evaluation_failed(name)
        for watched in rollups_due(service):
            if self._stop.is_set():
                return
            with self._noted("roll up", watched.model.name):
                evaluate_rollups(service, watched)

    def _evaluate_model(self, name: str) -> None:
        service, started = self._service, time.monotonic()
        done = evaluate(service, service.catalog.watched(name))
        service.instruments.evaluated(name, at_us=service.now_us())
        if done.windows:
            service.instruments.evaluation_seconds.observe(time.monotonic() - started)

    def _refresh(self) -> None:
        service = self._service
        try:
            with service.database.snapshot() as conn:
                revision = exposition.revision(conn)
                quiet = outdated(service, conn)
        except Problem:
            service.instruments.database_up.set(0)
            raise
        service.instruments.database_up.set(1)
        if quiet or revision != self._shown:
            publish(service)
            self._shown = revision

    def _account(self) -> None:
        instruments = self._service.instruments
        self._service.decodes.tidy()
        samples.settle(self._service)
        instruments.keep(self._service.catalog.names())
        with self._service.database.snapshot() as conn:
            backlog = fold.backlog(conn)
            put_off = pairing.postponed(conn)
        instruments.journal_rows.set(backlog.rows)
        instruments.journal_oldest.set((backlog.oldest_us or 0) / 1e6)
        instruments.calls_put_off.set(put_off)
        if time.monotonic() >= self._balance_due_s:
            self._balance()

    def _balance(self) -> None:
        instruments, started_s = self._service.instruments, time.monotonic()
        with self._service.database.snapshot() as conn:
            balance = accounts.balance(conn)
        instruments.journal_quarantined.set(balance.quarantined_rows)
        instruments.ledger_imbalance.set(balance.imbalance)
        ended_s = time.monotonic()
        self._balance_due_s = (
            ended_s + BALANCE_BREATH * (ended_s - started_s) - self._service.policy.account_interval_us / 1e6
        )

    def _pair(self) -> None:
        while sweep(self._service) and not self._stop.is_set():
            pass

    def _prune(self) -> None:
        prune(self._service)
        prune_samples(self._service)
        prune_novelties(self._service)
        prune_windows(self._service)
