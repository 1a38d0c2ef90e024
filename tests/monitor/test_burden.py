"""What a process carries at once."""

import threading

import pytest

from app.errors import Unavailable
from app.monitor import burden
from app.monitor.burden import LARGE_BYTES, Burden, Turns


def test_bytes_are_bounded() -> None:
    """Up to the limit and not a byte beyond; what is laid down may be taken again."""
    burden = Burden(10)
    burden.take(4)
    with burden.carrying(6), pytest.raises(Unavailable, match="in work"):
        burden.take(1)
    assert burden.carried == 4
    burden.take(6)


def test_bytes_are_laid_down_after_a_failure() -> None:
    """An error on the way costs no place."""
    burden = Burden(10)
    with pytest.raises(ValueError, match="x"), burden.carrying(10):
        raise ValueError("x")
    assert burden.carried == 0


def test_turns() -> None:
    """Who finds no place in time is turned away, and comes in once one is free."""
    turns = Turns(1, patience_s=0.01)
    with turns, pytest.raises(Unavailable, match="wait to be decoded"), turns:
        pass
    with turns:
        pass


def test_waiting_for_a_turn() -> None:
    """A place that comes free goes to who waits."""
    turns, entered = Turns(1, patience_s=30.0), threading.Event()

    def second() -> None:
        with turns:
            entered.set()

    thread = threading.Thread(target=second)
    with turns:
        thread.start()
        assert not entered.is_set()
    thread.join()
    assert entered.is_set()


def test_large_bodies_go_one_by_one() -> None:
    """A second large one waits, also where a place is free; small ones pass it by."""
    turns = Turns(2, patience_s=0.01)
    with turns.of(LARGE_BYTES):
        with pytest.raises(Unavailable, match="wait to be decoded"), turns.of(LARGE_BYTES):
            pass
        with turns.of(LARGE_BYTES - 1):
            pass
    with turns.of(LARGE_BYTES):
        turns.tidy()


def test_a_large_body_begins_tidily(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the last body left behind is given back before the next one becomes large."""
    given: list[int] = []
    monkeypatch.setattr(burden, "give_back", lambda: given.append(1))
    turns = Turns(2, patience_s=0.01)
    with turns.of(LARGE_BYTES):
        assert not given
    with turns.of(LARGE_BYTES):
        assert len(given) == 1
    turns.tidy()
    assert len(given) == 2
