"""Which line holds."""

from typing import Any, Final

import pytest

from app.monitor.lines import BUDGET, CALIBRATED, FIXED, OFF, Line, Lines
from app.storage.thresholds import StoredThreshold


def fixed(value: float) -> dict[str, Any]:
    """A fixed line."""
    return {"mode": "fixed", "value": value}


STORED: Final = (
    StoredThreshold("psi", None, None, fixed(1), fixed(10)),
    StoredThreshold("psi", None, "v2", fixed(2), fixed(20)),
    StoredThreshold("psi", "x", None, fixed(3), None),
    StoredThreshold("psi", "x", "v2", {"mode": "calibrated", "p": 0.001}, fixed(40)),
)


@pytest.mark.parametrize(
    ("feature", "version", "warning", "critical"),
    [
        ("y", "v1", Line(FIXED, 1), Line(FIXED, 10)),
        ("y", "v2", Line(FIXED, 2), Line(FIXED, 20)),
        ("x", "v1", Line(FIXED, 3), OFF),
        ("x", "v2", Line(CALIBRATED, p=0.001), Line(FIXED, 40)),
    ],
)
def test_precedence(feature: str, version: str, warning: Line, critical: Line) -> None:
    """Feature and version come before feature, feature before version, version before all; null is off, not below."""
    lines = Lines(STORED, page=3.0)
    assert lines.line("psi", "warning", feature=feature, version=version) == warning
    assert lines.line("psi", "critical", feature=feature, version=version) == critical


def test_defaults() -> None:
    """PSI and KS warn at 1 in 100, evidence and the ratios page under the budget, nothing else has a line."""
    lines = Lines((), page=3.0)
    drawn = {
        (one["statistic"], one["severity"]): (one["mode"], one["value"], one["p"], one["source"])
        for one in lines.listed()
    }
    page = ("calibrated", None, None, "default")
    assert drawn == {
        ("psi", "warning"): ("calibrated", None, 0.01, "default"),
        ("ks", "warning"): ("calibrated", None, 0.01, "default"),
        ("evidence", "critical"): ("calibrated", 3.0, None, "default"),
        ("null_ratio", "critical"): page,
        ("unseen_ratio", "critical"): page,
        ("invalid_ratio", "critical"): page,
        ("volume", "critical"): page,
    }
    assert lines.line("evidence", "critical", feature="x", version="v").mode == BUDGET
    assert lines.line("js", "warning", feature="x", version="v") == OFF
    assert lines.line("psi", "critical", feature="x", version="v") == OFF


def test_listed() -> None:
    """What people set comes first, both severities of each, and takes the default's place only when it is for all."""
    listed = list(Lines(STORED, page=3.0).listed())
    psi = [(one["feature"], one["version"], one["severity"], one["mode"], one["source"]) for one in listed[:8]]
    assert psi == [
        (None, None, "warning", "fixed", "model"),
        (None, None, "critical", "fixed", "model"),
        (None, "v2", "warning", "fixed", "model"),
        (None, "v2", "critical", "fixed", "model"),
        ("x", None, "warning", "fixed", "feature"),
        ("x", None, "critical", "off", "feature"),
        ("x", "v2", "warning", "calibrated", "feature"),
        ("x", "v2", "critical", "fixed", "feature"),
    ]
    assert all(one["statistic"] != "psi" for one in listed[8:])
    only_x = Lines(STORED[2:3], page=3.0).listed()
    assert sum(one["statistic"] == "psi" and one["source"] == "default" for one in only_x) == 1
