"""What is forgotten, and when."""

from app.monitor.operations import balance
from app.monitor.retain import prune
from monitor.desk import MONDAY, Desk


def test_ids_are_forgotten_after_the_retention(small: Desk) -> None:
    """Not a microsecond before; history is never forgotten, and the books stay even."""
    small.rows([{"x": 1}], "live")
    small.rows([{"x": 1, "timestamp": 0}], "history", backfill=True)
    retention = small.service.policy.ledger_retention_us
    assert prune(small.at(MONDAY + retention).service) == 0
    assert prune(small.at(MONDAY + retention + 1).service) == 1
    assert small.rows([{"x": 1, "timestamp": 0}], "history", backfill=True)["duplicate"] is True
    assert small.rows([{"x": 1, "timestamp": MONDAY}], "live")["rows"]["late"] == 1
    books = balance(small.service, "m")
    assert (books["ledger_rows"], books["imbalance"]) == (2, 0)
