"""A few kills on two replicas: what was acknowledged is counted once, and the harness notices when it is not."""

import pytest

import postgres
from faults.kills import smoke
from faults.lab import lab
from faults.oracle import Habits

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(240)]


def test_kills_cost_nothing(postgres_server: postgres.Server) -> None:
    """Replicas die twice under load; every acknowledged batch is in the books, once."""
    with lab(postgres_server, 4) as bench:
        smoke(bench, kills=2, each=40)
        assert bench.finding.verdict == "exact", bench.finding
        assert bench.finding.faults == 2
        assert bench.finding.batches >= 120


def test_a_seeded_bug_is_noticed(postgres_server: postgres.Server) -> None:
    """A program that forgets its ledger does not pass."""
    with lab(postgres_server, 5, replicas=1, mutant="no-dedupe") as bench:
        with bench.load(habits=Habits(clients=8, again=0.5)) as oracle:
            oracle.reach(60)
        assert bench.finding.doubled > 0
        assert bench.finding.verdict == "FAILED"
