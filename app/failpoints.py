"""Points at which a test may kill, pause or fail the program; nothing happens at any of them unless they are armed."""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.errors import ConfigurationError, Unavailable

POINTS: Final = {
    "ingest.before_decode": "a body is here, nothing is read of it",
    "ingest.queued": "a batch waits to be committed",
    "ingest.after_begin": "a group's transaction is open",
    "ingest.after_claim": "a group's batches are claimed",
    "ingest.after_ledger": "a group is in the ledger",
    "ingest.after_journal": "a group is in the journal",
    "ingest.commit_sent": "COMMIT is on the wire, nobody read the answer",
    "ingest.commit_answered": "a group is committed, no sender was told",
    "pairing.after_arrival": "half of a call is committed, nothing is counted",
    "pairing.after_count": "a call is counted, its halves are still there",
    "fold.after_claim": "a model's journal is claimed",
    "fold.after_delete": "deltas left the journal",
    "fold.before_commit": "deltas are in their windows",
    "fold.after_commit": "a fold is committed",
    "score.before_commit": "scores are written",
    "prune.before_commit": "old batches are forgotten",
}


class Action(StrEnum):
    """What happens at an armed point."""

    KILL = "kill"
    PAUSE = "pause"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Failpoint:
    """An armed point: what happens, how often, and for how long if it is a pause."""

    action: Action
    probability: float = 1.0
    seconds: float = 0.0


_armed: dict[str, Failpoint] = {}


def parse(text: str) -> dict[str, Failpoint]:
    """Read `point=kill[:p],point=error[:p],point=pause:seconds[:p]`."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        point, _, what = part.partition("=")
        if point not in POINTS:
            raise ConfigurationError(f"there is no failpoint {point!r}; see driftgauge serve --list-failpoints")
        try:
            found[point] = _failpoint(*what.split(":"))
        except (IndexError, TypeError, ValueError) as error:
            raise ConfigurationError(f"the failpoint {part!r} cannot be read") from error
    return found


def _failpoint(action: str, *numbers: str) -> Failpoint:
    seconds = float(numbers[0]) if action == Action.PAUSE else 0.0
    (probability,) = numbers[action == Action.PAUSE :] or ("1",)
    if not 0 <= float(probability) <= 1 or seconds < 0:
        raise ValueError(probability)
    return Failpoint(Action(action), float(probability), seconds)


def arm(text: str) -> None:
    """Arm these points and no others."""
    armed = parse(text)
    _armed.clear()
    _armed.update(armed)


def hit(point: str) -> None:
    """Do what a test wants to happen here."""
    if _armed and drawn(point):
        act(point)


def armed(points: Collection[str]) -> bool:
    """Whether something may happen at one of these points."""
    return not _armed.keys().isdisjoint(points)


def drawn(point: str) -> bool:
    """Whether something happens this time."""
    found = _armed.get(point)
    return found is not None and random.random() < found.probability


def act(point: str) -> None:
    """Say so, then die, pause or fail."""
    found = _armed[point]
    line = {"event": "failpoint", "point": point, "action": found.action}
    os.write(sys.stderr.fileno(), (json.dumps(line) + "\n").encode())
    match found.action:
        case Action.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        case Action.PAUSE:
            time.sleep(found.seconds)
        case Action.ERROR:
            raise Unavailable("storage-unavailable", f"the failpoint {point} was hit", stored="unknown", retry_after=1)
