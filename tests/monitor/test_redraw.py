"""Calibrated lines drawn anew."""

from typing import Any

from app.monitor.thresholds import delete, put
from monitor.desk import AUTHOR, Desk
from monitor.lived import deliver, drawn


def test_a_line_moves_at_once_and_back(learnt: Desk) -> None:
    """Of the newest window alone, without an evaluation; a rarer warning is a higher line, wiped it is the old one."""
    deliver(learnt, drawn(learnt, 3), 0, 3, batch="all")
    learnt.evaluate()
    before = learnt.scored()
    rare: dict[str, Any] = {"mode": "calibrated", "p": 0.0001}
    document = {"statistic": "psi", "feature": None, "version": None, "warning": rare, "critical": rare}
    put(learnt.service, "m", document, author=AUTHOR)
    lines = [one.statistics["psi"].warning for one in learnt.scored()]
    first = [one.statistics["psi"].warning for one in before]
    assert [one is not None and one.tobytes() for one in lines[:2]] == [
        one is not None and one.tobytes() for one in first[:2]
    ]
    assert lines[2] is not None
    assert first[2] is not None
    assert (lines[2] > first[2]).all()
    critical = learnt.scored()[-1].statistics["psi"].critical
    assert critical is not None
    assert critical.tobytes() == lines[2].tobytes()
    delete(learnt.service, "m", statistic="psi", feature=None, version=None, author=AUTHOR)
    again = learnt.scored()[-1].statistics["psi"]
    assert again.warning is not None
    assert again.warning.tobytes() == first[2].tobytes()
