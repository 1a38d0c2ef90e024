"""What is forgotten, and when."""

from app import failpoints
from app.monitor.service import Service
from app.storage import accounts, reservoirs, results

STEP = 5000
STEP_S = 60.0


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
