"""What a replica does in the background."""

from sqlalchemy import text

from app.drift.context import HOUR_US
from app.monitor.workers import Workers
from monitor.desk import MONDAY, Desk


def scrape(desk: Desk) -> list[str]:
    """The lines of /metrics."""
    return desk.service.page.render("", "")[0].decode().splitlines()


def test_one_failing_model_does_not_stop_the_others(desk: Desk) -> None:
    """Model a's counts cannot be read any more; model b is folded, evaluated and shown all the same."""
    for desk.name in ("a", "b"):
        desk.configure(window="1h")
        desk.reference(desk.write("x\n1\n2\n3\n"))
        desk.rows([{"x": 1}] * 40)
    desk.name = "a"
    desk.fold()
    desk.rows([{"x": 1}], "b2")
    with desk.service.database.transaction() as conn:
        conn.execute(text("UPDATE window_histogram SET counts = '\\x00'"))
    workers = Workers(desk.service)
    workers._fold()
    with desk.service.database.snapshot() as conn:
        assert conn.scalar(text("SELECT count(*) FROM delta_journal")) == 1
    desk.at(MONDAY + 2 * HOUR_US)
    workers._evaluate()
    workers._refresh()
    workers._account()
    desk.name = "b"
    assert [one.rows for one in desk.scored()] == [40]
    shown = scrape(desk)
    assert 'driftgauge_evaluation_failures_total{model="a"} 1.0' in shown
    assert 'drift_window_rows{model="b",version="default"} 40' in "\n".join(shown)
    assert not [line for line in shown if line.startswith("drift_window_rows") and '"a"' in line]


def test_rounds_start_and_stop(small: Desk) -> None:
    """Threads that were started are gone after the stop, and a batch was folded, scored and shown meanwhile."""
    small.rows([{"x": 1}] * 40)
    workers = Workers(small.service)
    workers.start()
    workers.stop()
    assert not any(thread.is_alive() for thread in workers._threads)


def test_the_books_are_summed_as_seldom_as_it_takes_long(small: Desk) -> None:
    """A row that vanished shows with the next sum of the books, which waits many times as long as the last one took."""
    small.rows([{"x": 1}] * 40)
    small.fold()
    workers = Workers(small.service)
    workers._account()
    assert "driftgauge_ledger_imbalance_rows 0.0" in scrape(small)
    with small.service.database.transaction() as conn:
        conn.execute(text("UPDATE window_total SET rows = rows - 1"))
    workers._balance_due_s = float("inf")
    workers._account()
    assert "driftgauge_ledger_imbalance_rows 0.0" in scrape(small)
    workers._balance_due_s = 0.0
    workers._account()
    assert "driftgauge_ledger_imbalance_rows 1.0" in scrape(small)
