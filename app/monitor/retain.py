"""What is forgotten, and when."""

from app import failpoints
from app.monitor.service import Service
from app.storage import ledger

STEP = 5000


def prune(service: Service) -> int:
    """Forget batch ids whose rows could only be late by now; gives how many."""
    before = service.now_us() - service.policy.ledger_retention_us
    total = 0
    while True:
        with service.database.transaction() as conn:
            pruned = ledger.prune(conn, None, received_before_us=before, limit=STEP)
            if pruned:
                failpoints.hit("prune.before_commit")
        total += pruned
        if pruned < STEP:
            return total
