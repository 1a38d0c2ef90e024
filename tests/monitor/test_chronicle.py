"""The walk through weeks, taken up where it has to be."""

import pytest
from sqlalchemy import text

from app.drift.context import HOUR_US, WEEK_US
from app.monitor.arms import Arm, arms_of, reaching
from app.monitor.chronicle import resume
from app.monitor.history import begun
from app.monitor.redraw import redraw
from app.monitor.rulebook import Rulebook, lines_of
from app.monitor.terms import terms
from monitor.desk import Desk, weeks_of_rows
from monitor.lived import LIVE, WEEK, Traffic, deliver, drawn, nulls

HOURS = 4 * WEEK
FAULT = (2 * WEEK - 12, 2 * WEEK + 12)


@pytest.fixture
def traffic(learnt: Desk) -> Traffic:
    """Four weeks with a day of nulls around the third Monday."""
    return nulls(learnt, drawn(learnt, HOURS), *FAULT)


def all_of(desk: Desk) -> list[object]:
    """Everything that was judged, to the last bit."""
    found: list[object] = []
    for window in desk.scored():
        for name, row in sorted(window.statistics.items()):
            arrays = (row.values, row.high, row.p_values, row.status, row.warning, row.critical)
            bits = [None if one is None else one.tobytes() for one in arrays]
            found.append((window.start_us, window.version, window.rows, name, bits))
    baseline_id = desk.watched.schedule[0].baseline_id
    found += desk.states([LIVE + week * WEEK_US for week in range(4)], baseline_id=baseline_id)
    found += [(one.id, one.start_us, one.end_us, one.peak, one.cause, one.group) for one in desk.episodes()]
    return found


def computed(desk: Desk, at_us: int) -> list[int]:
    """Which hours after the baseline were scored at an instant."""
    return [(one.start_us - LIVE) // HOUR_US for one in desk.scored() if one.computed_us == at_us]


@pytest.fixture
def whole(learnt: Desk, traffic: Traffic) -> list[object]:
    """What one walk from the first window to the last finds, on a model of the same baseline."""
    learnt.name = "at once"
    learnt.configure(window="1h")
    learnt.reference(learnt.write(weeks_of_rows()))
    deliver(learnt, traffic, 0, HOURS, batch="all")
    assert learnt.evaluate() == HOURS
    found = all_of(learnt)
    assert len(learnt.episodes()) >= 2
    learnt.name = "m"
    return found


def test_pieces_and_late_rows_give_what_one_walk_gives(learnt: Desk, traffic: Traffic, whole: list[object]) -> None:
    """In pieces that end within weeks, with a late hour in an earlier week, every number ends up the same bits."""
    now = learnt.service.now_us()
    for first, last in ((0, 5), (6, WEEK + 20), (WEEK + 20, 2 * WEEK + 1), (2 * WEEK + 1, HOURS)):
        deliver(learnt, traffic, first, last, batch=f"from {first}")
        assert learnt.evaluate() == last - first
    assert all_of(learnt) != whole
    deliver(learnt, traffic, 5, 6, batch="late")
    learnt.at(now + HOUR_US)
    assert learnt.evaluate() == HOURS
    assert all_of(learnt) == whole
    assert learnt.evaluate() == 0


def test_a_late_row_recomputes_from_its_monday(learnt: Desk, traffic: Traffic) -> None:
    """What was judged before that week stays as it was computed."""
    now = learnt.service.now_us()
    deliver(learnt, traffic, 0, HOURS, batch="all")
    learnt.evaluate()
    deliver(learnt, traffic, 2 * WEEK + 30, 2 * WEEK + 31, batch="late")
    learnt.at(now + HOUR_US).evaluate()
    assert computed(learnt, now + HOUR_US) == list(range(2 * WEEK, HOURS))
    assert computed(learnt, now) == list(range(2 * WEEK))


def test_other_decisions_recompute_everything(learnt: Desk, traffic: Traffic) -> None:
    """Another budget judges every window again, and nothing to do is nothing done."""
    now = learnt.service.now_us()
    deliver(learnt, traffic, 0, WEEK + 5, batch="all")
    learnt.evaluate()
    learnt.configure(alert_budget={"pages_per_month": 0.5})
    assert learnt.at(now + 1).evaluate() == WEEK + 5
    learnt.configure(late_horizon="3h")
    assert learnt.at(now + 2).evaluate() == 0


def test_what_cannot_be_read_is_worked_out_again(learnt: Desk, traffic: Traffic, whole: list[object]) -> None:
    """Calibrations and states of another make are as good as none."""
    deliver(learnt, traffic, 0, 3 * WEEK, batch="a")
    learnt.evaluate()
    with learnt.service.database.transaction() as conn:
        conn.execute(text("UPDATE chronicle SET calibration = '\\x00', before = '\\x00', after = '\\x00'"))
    redraw(learnt.service, learnt.watched)
    deliver(learnt, traffic, 3 * WEEK, HOURS, batch="b")
    assert learnt.evaluate() == HOURS
    assert all_of(learnt) == whole


def test_nothing_to_resume(learnt: Desk, traffic: Traffic) -> None:
    """After the last window there is no point to go on from; before it, there is."""
    deliver(learnt, traffic, 0, 3, batch="a")
    learnt.evaluate()
    service = learnt.service
    with service.database.snapshot() as read:
        (arm,) = arms_of(service, read, learnt.watched, "default")
        lines = lines_of(read, learnt.watched, arm.baseline)
    book = Rulebook.of(learnt.watched.configuration, arm.baseline, lines=lines, version="default", min_rows=30)
    with service.database.transaction() as conn:
        assert resume(conn, arm, book, reach=lambda _: arm) is None
    deliver(learnt, traffic, 3, 5, batch="b")
    learnt.fold()
    with service.database.snapshot() as read:
        (arm,) = arms_of(service, read, learnt.watched, "default")
    with service.database.transaction() as conn:
        resumed = resume(conn, arm, book, reach=lambda _: arm)
    assert resumed is not None
    assert resumed[1].at == 3
    assert resumed[1].calibration is not None


def test_no_more_is_read_than_is_walked(learnt: Desk, traffic: Traffic) -> None:
    """After three weeks a new hour is walked alone, and a late one with what follows its Monday."""
    deliver(learnt, traffic, 0, 3 * WEEK, batch="a")
    learnt.evaluate()
    deliver(learnt, traffic, 3 * WEEK, 3 * WEEK + 2, batch="b")
    learnt.fold()
    service, seen = learnt.service, []
    with service.database.snapshot() as read:
        (head,) = begun(service, read, learnt.watched, "default", period=None)
        assert head.starts.tolist() == [LIVE]
        book = terms(service, learnt.watched, head, [])

        def reach(since_us: int) -> Arm:
            seen.append((since_us - LIVE) // HOUR_US)
            return reaching(service, read, learnt.watched, head, since_us)

        resumed = resume(read, head, book, reach=reach)
        assert resumed is not None
        assert ((resumed[0].starts - LIVE) // HOUR_US).tolist() == [3 * WEEK, 3 * WEEK + 1]
    deliver(learnt, traffic, 2 * WEEK + 9, 2 * WEEK + 10, batch="late")
    learnt.fold()
    with service.database.transaction() as conn:
        read = conn
        resumed = resume(conn, head, book, reach=reach)
        assert resumed is not None
        assert ((resumed[0].starts - LIVE) // HOUR_US).tolist() == list(range(2 * WEEK, 3 * WEEK + 2))
    assert seen == [3 * WEEK - 1, 2 * WEEK]


def test_versions_are_walked_apart(learnt: Desk, traffic: Traffic) -> None:
    """A second version begins with no evidence and is judged by the baseline's windows."""
    deliver(learnt, traffic, 0, 10, batch="a")
    deliver(learnt, traffic, 0, 10, batch="b", version="v2")
    assert learnt.evaluate() == 20
    both = learnt.scored()
    pairs = zip(both[::2], both[1::2], strict=True)
    assert all(
        one.statistics["evidence"].values.tobytes() == two.statistics["evidence"].values.tobytes() for one, two in pairs
    )
