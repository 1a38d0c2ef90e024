"""Turns at the interpreter while something takes its time."""

import sys
import threading

import pytest

from app.monitor.breath import TURN_S, short_turns


def test_turns_are_short_until_the_last_piece_of_work_is_done() -> None:
    """Of two pieces of work that overlap the longer keeps its short turns; then all is as before."""
    usual = sys.getswitchinterval()
    assert usual > TURN_S
    begun, over = threading.Event(), threading.Event()

    @short_turns()
    def work() -> None:
        begun.set()
        over.wait(60)

    other = threading.Thread(target=work)
    with short_turns():
        other.start()
        begun.wait(60)
    assert sys.getswitchinterval() == pytest.approx(TURN_S)
    over.set()
    other.join()
    assert sys.getswitchinterval() == pytest.approx(usual)


def test_work_that_fails_leaves_no_short_turns_behind() -> None:
    """An error ends the short turns like any end."""
    usual = sys.getswitchinterval()
    with pytest.raises(ValueError, match="so"), short_turns():
        raise ValueError("so")
    assert sys.getswitchinterval() == pytest.approx(usual)
