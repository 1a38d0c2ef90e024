"""What is forgotten, and when."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from app import failpoints
from app.drift.context import monday_us
from app.monitor.arms import EVER_US, Arm, heads, reaching
from app.monitor.catalog import Watched
from app.monitor.fitting import vouchers
from app.monitor.history import periods_of
from app.monitor.memory import kept_state
from app.monitor.service import Service
from app.monitor.terms import terms
from app.monitor.turn import TURN_S
from app.storage import accounts, chronicles, expiry, received, reservoirs, results, thresholds, windows
from app.storage.database import Connection
from app.storage.turns import take_turn

STEP = 5000
STEP_S = 60.0
STEP_WINDOWS = 500


def prune(service: Service) -> int:
    """Forget batch ids whose rows could only be late by now; gives how many."""
    before = service.now_us() - service.policy.ledger_retention_us
    total = 0
    while True:
        with service.database.transaction() as conn:
            pruned = accounts.prune(conn, None, received_before_us=before, limit=STEP)
            if pruned:
                failpoints.hit("prune.before_commit")
        total += pruned
        if pruned < STEP:
            return total


def prune_samples(service: Service) -> int:
    """Forget sampled rows and results that are older than they may be; gives how many records."""
    now_us, policy = service.now_us(), service.policy
    with service.database.transaction(deadline_s=STEP_S) as conn:
        forgotten = reservoirs.prune(
            conn, received_before_us=now_us - policy.sample_retention_us, without_suite=policy.sample_always
        )
        return forgotten + results.prune(conn, computed_before_us=now_us - policy.result_retention_us)


def prune_windows(service: Service) -> int:
    """Forget windows that are older than they may be, with their scores; gives how many.

    Age is measured against the newest judged window of the same version and baseline, so that history that is
    delivered years later has its time, too. What vouches for what is normal stays.
    """
    total = 0
    for name in service.catalog.names():
        watched = service.catalog.watched(name)
        with service.database.snapshot(deadline_s=TURN_S) as read:
            found = list(_expired(service, read, watched))
        for arm, before_us in found:
            total += _expire(service, watched, arm, before_us=before_us)
        _forget_rolled(service, watched)
    return total


def _forget_rolled(service: Service, watched: Watched) -> None:
    """Forget the scores of days and weeks that are as old; their counts stay: later ones are compared with them."""
    with service.database.transaction(deadline_s=STEP_S) as conn:
        if not take_turn(conn, watched.id, wait=False):
            return
        arms = [
            arm for version in received.versions(conn, watched.id) for arm in heads(service, conn, watched, version)
        ]
        for arm, period in product(arms, periods_of(watched)):
            strand = replace(arm, period=period).strand()
            last = chronicles.last(
                conn, watched.id, version=arm.version, baseline_id=arm.baseline_id, length_us=period.length_us
            )
            if last is not None:
                before = min(monday_us(last.walked_to_us - service.policy.window_retention_us), last.monday_us)
                expiry.forget_scores(conn, strand, before_us=before)


def _expired(service: Service, read: Connection, watched: Watched) -> Iterator[tuple[Arm, int]]:
    """Find versions with windows to forget, and the Monday before which they are."""
    in_force = watched.activation(service.now_us()).baseline_id if watched.schedule else None
    stored = thresholds.listed(read, watched.id)
    for version in received.versions(read, watched.id):
        for arm in heads(service, read, watched, version):
            last = chronicles.last(read, watched.id, version=version, baseline_id=arm.baseline_id)
            if last is None:
                continue
            before = min(monday_us(last.walked_to_us - service.policy.window_retention_us), last.monday_us)
            first = windows.first_start(
                read,
                watched.id,
                version=version,
                baseline_id=arm.baseline_id,
                from_us=None,
                to_us=max(before, arm.kept_us),
            )
            if first is None:
                continue
            if arm.baseline_id == in_force:
                state = kept_state(last.before)
                if state is None:
                    continue
                book = terms(service, watched, arm, stored)
                whole = reaching(service, read, watched, arm, EVER_US)
                live = vouchers(read, whole, book, state=state, monday=last.monday_us).live
                before = min(before, monday_us(int(live[0]))) if len(live) else before
            changed = arm.changed(read)
            if changed is None or changed >= before:
                yield arm, max(before, arm.kept_us)


def _expire(service: Service, watched: Watched, arm: Arm, *, before_us: int) -> int:
    total = 0
    while True:
        with service.database.transaction(deadline_s=STEP_S) as conn:
            if not take_turn(conn, watched.id, wait=False):
                return total
            found = expiry.expire(
                conn,
                watched.id,
                version=arm.version,
                baseline_id=arm.baseline_id,
                before_us=before_us,
                rolled=bool(periods_of(watched)),
                limit=STEP_WINDOWS,
            )
            expiry.forget_weeks(conn, watched.id, version=arm.version, baseline_id=arm.baseline_id, before_us=before_us)
        total += found
        if found < STEP_WINDOWS:
            return total
