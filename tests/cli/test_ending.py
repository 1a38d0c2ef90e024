"""Signals that ask a program to end are never lost."""

import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

from app.cli.ending import Ending

ASKED = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture
def ending() -> Iterator[Ending]:
    """One that listens as long as the test lasts."""
    before = {number: signal.getsignal(number) for number in ASKED}
    yield Ending(*ASKED)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_nobody_asked(ending: Ending) -> None:
    """Without a signal nothing is raised."""
    with ending.held():
        ending.check()


def test_raised_where_it_comes(ending: Ending) -> None:
    """A signal unwinds what runs: as Ctrl-C does, or with the exit code that shells know."""
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(SystemExit, match="143"):
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(SystemExit, match="143"):
        ending.check()


def test_what_is_swallowed_is_asked_again(ending: Ending) -> None:
    """Who swallows the exception does not make the request undone."""
    with suppress(SystemExit):
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(SystemExit):
        ending.check()


def asked(ending: Ending, *, times: int) -> list[int]:
    """What is done while signals are held and some come."""
    done: list[int] = []
    with suppress(KeyboardInterrupt), ending.held():
        for number in range(times):
            signal.raise_signal(signal.SIGINT)
            done.append(number)
    return done


def test_held(ending: Ending) -> None:
    """A signal waits for the end of what must not be interrupted, and ends what comes behind."""
    assert asked(ending, times=1) == [0]
    with pytest.raises(KeyboardInterrupt):
        ending.check()


def test_held_for_one_only(ending: Ending) -> None:
    """Who asks twice does not wait."""
    assert asked(ending, times=3) == [0]
