"""Turns at a model."""

import pytest
from sqlalchemy import text

from app.errors import Unavailable
from app.storage.database import Database
from app.storage.turns import take_turn


@pytest.mark.parametrize("wait", [False, True])
def test_a_turn_waits_for_no_table_for_ever(database: Database, *, wait: bool) -> None:
    """Somebody changes a table between what an evaluation reads and what it writes: the evaluation gives way."""
    with database.snapshot() as read, database.transaction() as rival:
        read.execute(text("SELECT count(*) FROM model"))
        rival.execute(text("LOCK TABLE window_total"))
        with pytest.raises(Unavailable, match="55P03"):
            _evaluate(database, wait=wait)


def _evaluate(database: Database, *, wait: bool) -> None:
    with database.transaction() as conn:
        assert take_turn(conn, 1, wait=wait, patience_s=0.1)
        conn.execute(text("UPDATE window_total SET scored_revision = 0"))
