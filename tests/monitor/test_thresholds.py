"""Drawing and wiping thresholds, on the record."""

from typing import Any

import pytest

from app.errors import NotFound, PreconditionFailed, Refused
from app.monitor.conditions import Condition
from app.monitor.operations import audited
from app.monitor.thresholds import delete, effective, put, tag
from monitor.desk import AUTHOR, Desk


def document(**said: Any) -> dict[str, Any]:
    """A threshold as people send it."""
    return {"statistic": "psi", "feature": None, "version": None, "warning": None, "critical": None} | said


def fixed(value: float | None, p: float | None = None) -> dict[str, Any]:
    """A fixed line, as the body's model gives it."""
    return {"mode": "fixed", "value": value, "p": p}


def psi(desk: Desk) -> list[tuple[object, ...]]:
    """The effective lines of PSI."""
    listed = effective(desk.service, desk.watched)
    return [
        (one["feature"], one["version"], one["severity"], one["mode"], one["value"], one["source"])
        for one in listed
        if one["statistic"] == "psi"
    ]


def test_drawn_redrawn_and_wiped(small: Desk) -> None:
    """A line replaces the default, is replaced by the next, and leaves the default behind; each change is audited."""
    default = [(None, None, "warning", "calibrated", None, "default")]
    assert psi(small) == default
    shown = put(small.service, "m", document(critical=fixed(0.25)), author=AUTHOR)
    assert shown["critical"] == {"mode": "fixed", "value": 0.25}
    put(small.service, "m", document(critical=fixed(0.5)), author=AUTHOR)
    assert psi(small) == [
        (None, None, "warning", "off", None, "model"),
        (None, None, "critical", "fixed", 0.5, "model"),
    ]
    delete(small.service, "m", statistic="psi", feature=None, version=None, author=AUTHOR)
    assert psi(small) == default
    changes = [(one["action"], one["before"], one["after"]) for one in audited(small.service, limit=3, before=None)]
    (third, second, first) = changes
    assert [one[0] for one in (first, second, third)] == ["threshold.put", "threshold.put", "threshold.delete"]
    assert first[1] is None
    assert second[1] == first[2]
    assert third[1:] == (second[2], None)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"warning": fixed(None, 0.1)}, "unlawful-threshold"),
        ({"critical": {"mode": "calibrated", "value": 1.0, "p": None}}, "unlawful-threshold"),
        ({"feature": "nobody"}, "unlawful-threshold"),
        ({"version": "a\0"}, "unlawful-name"),
        ({"version": "."}, "unlawful-name"),
    ],
)
def test_unlawful(small: Desk, said: dict[str, Any], code: str) -> None:
    """A line without its number, an unknown feature and a version that is no name are refused, and nothing is kept."""
    with pytest.raises(Refused) as refused:
        put(small.service, "m", document(**said), author=AUTHOR)
    assert refused.value.code == code
    assert len(psi(small)) == 1


def test_wiping_what_is_not_there(small: Desk) -> None:
    """Only a threshold of exactly this feature and version can be wiped."""
    put(small.service, "m", document(feature="x", critical=fixed(1)), author=AUTHOR)
    with pytest.raises(NotFound, match="no threshold of psi"):
        delete(small.service, "m", statistic="psi", feature=None, version=None, author=AUTHOR)
    delete(small.service, "m", statistic="psi", feature="x", version=None, author=AUTHOR)


def test_no_lost_update(small: Desk) -> None:
    """A tag that was read before somebody else's change opens nothing."""
    old = tag(small.service, small.watched)
    put(small.service, "m", document(critical=fixed(1)), author=AUTHOR, condition=Condition(frozenset({old})))
    assert tag(small.service, small.watched) != old
    with pytest.raises(PreconditionFailed):
        put(small.service, "m", document(critical=fixed(2)), author=AUTHOR, condition=Condition(frozenset({old})))
    with pytest.raises(PreconditionFailed):
        delete(
            small.service,
            "m",
            statistic="psi",
            feature=None,
            version=None,
            author=AUTHOR,
            condition=Condition(frozenset({old})),
        )
