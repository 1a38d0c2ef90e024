"""Test cases for promtool: every alert in every situation that a rule has to bear."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from app.metrics.alert import Alert
from metrics.cases import CASES, Case, Series

AHEAD_M: Final = 5
"""How long an alert is watched once it fires."""
BEHIND_M: Final = 40
"""Longer than whatever an alert may outlive."""
STALE: Final = ["stale"]
OTHER: Final = {"critical": "warning", "warning": "critical"}
INCIDENT: Final = "drift_incident_start_timestamp_seconds"
OWN: Final = {
    "evidence": "DriftgaugeDriftCritical",
    "null_ratio": "DriftgaugeNulls",
    "unseen_ratio": "DriftgaugeUnseen",
    "invalid_ratio": "DriftgaugeInvalid",
    "volume": "DriftgaugeVolume",
}
DRIFTS: Final = (*OWN.values(), "DriftgaugeDriftWarning", "DriftgaugeExpectationFailed", "DriftgaugeExpectationUnusual")
Shown = Mapping[str, Any]
Look = tuple[str, int, int]
"""An expression without labels, the minute of a look at it, and its value, 0 for none."""


def document(situation: str, *, alerts: Mapping[str, Alert], rules: str) -> Shown:
    """What promtool is to test of these alerts in one situation."""
    tests = [test for name, alert in alerts.items() for test in SITUATIONS[situation](CASES[name], alert)]
    return {"rule_files": [rules], "evaluation_interval": "1m", "tests": tests}


def incident(alerts: Mapping[str, Alert], *, rules: str) -> Shown:
    """Everything that one version can page about at once, on two replicas, under an incident of each statistic."""
    tests = []
    crossed = [pair for name in DRIFTS for pair in trouble(CASES[name], 2 * AHEAD_M)]
    for statistic, name in OWN.items():
        labels = {"model": "m", "version": "v", "statistic": statistic} | (
            {"feature": "x"} if statistic != "volume" else {}
        )
        series = [*crossed, (Series(INCIDENT, labels, None, None), values("60", 2 * AHEAD_M))]
        looks = [
            ('count(ALERTS{severity="critical",alertstate="firing",model="m"})', AHEAD_M, 1),
            (_firing(alerts[name], labels), AHEAD_M, 1),
            _always(alerts[name], 0, 2 * AHEAD_M - 1),
        ]
        tests.append(
            _test(alerts[name], "is the one page of its incident", shown(series, "a") + shown(series, "b"), *looks)
        )
    return {"rule_files": [rules], "evaluation_interval": "1m", "tests": tests}


def trouble(case: Case, minutes: int) -> list[tuple[Series, list[str]]]:
    """The values of every series, minute by minute, that make the alert fire."""
    return [(one, values(one.trouble, minutes)) for one in case.series if one.trouble is not None]


def peace(case: Case, minutes: int) -> list[tuple[Series, list[str]]]:
    """Those that do not."""
    return [(one, values(one.peace, minutes)) for one in case.series if one.peace is not None]


def values(program: str, minutes: int) -> list[str]:
    """A program written out: its last word goes on, `a+b` rises by b a minute, after `stale` nothing comes."""
    *first, last = program.split()
    start, rising, step = last.partition("+")
    if last == "stale":
        return [*first, last]
    return [*first, *(str(int(start) + n * int(step)) if rising else last for n in range(minutes - len(first)))]


def shown(series: Iterable[tuple[Series, Sequence[str]]], replica: str) -> list[Shown]:
    """Series as one replica shows them."""
    return [
        {"series": f"{one.name}{{{_matched({'instance': replica, **one.labels})}}}", "values": " ".join(found)}
        for one, found in series
    ]


def _matched(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={json.dumps(value)}" for key, value in labels.items())


def _test(alert: Alert, name: str, series: Sequence[Shown], *looks: Look) -> Shown:
    expected = [
        {"expr": expr, "eval_time": f"{at}m", "exp_samples": [{"labels": "{}", "value": value}] if value else []}
        for expr, at, value in looks
    ]
    return {
        "name": f"{alert.name} {name}",
        "interval": "1m",
        "input_series": list(series),
        "promql_expr_test": expected,
    }


def _firing(alert: Alert, labels: Mapping[str, str] | None = None) -> str:
    """How many alerts of this name fire; with labels, only those that have them and their own severity."""
    own = {"alertname": alert.name, "alertstate": "firing"}
    return f"count(ALERTS{{{_matched(own if labels is None else own | {'severity': alert.severity} | dict(labels))}}})"


def _once(case: Case, alert: Alert, at: int) -> tuple[Look, Look]:
    return (_firing(alert), at, 1), (_firing(alert, case.labels), at, 1)


def _never(alert: Alert, minutes: int) -> Look:
    return f"count_over_time({_firing(alert)}[{minutes}m:1m])", minutes, 0


def _always(alert: Alert, since: int, until: int) -> Look:
    """At every minute of a span one alert, and one only, fires: it neither flaps nor pages twice."""
    return f"count_over_time(({_firing(alert)} == 1)[{until - since}m:1m])", until, until - since + 1


def _fires(case: Case, alert: Alert) -> Iterator[Shown]:
    until = case.wait_m + AHEAD_M
    yield _test(alert, "fires", shown(trouble(case, until), "a"), *_once(case, alert, until))


def _quiet(case: Case, alert: Alert) -> Iterator[Shown]:
    until = case.wait_m + 2 * AHEAD_M
    yield _test(alert, "stays quiet", shown(peace(case, until), "a"), _never(alert, until))


def _stale(case: Case, alert: Alert) -> Iterator[Shown]:
    until = case.wait_m + AHEAD_M
    if case.about_absence:
        gone = [(one, found + STALE) for one, found in peace(case, AHEAD_M)]
        yield _test(alert, "fires when its series go", shown(gone, "a"), (_firing(alert), until + AHEAD_M, 1))
        return
    gone = [(one, found + STALE) for one, found in trouble(case, until)]
    looks = [(_firing(alert), until - 1, 1), *((_firing(alert), until + more, 0) for more in (case.linger_m, BEHIND_M))]
    yield _test(alert, "does not outlive its series", shown(gone, "a"), *looks)


def _absent(case: Case, alert: Alert) -> Iterator[Shown]:
    until = case.wait_m + AHEAD_M
    for name in dict.fromkeys(one.name for one in case.series):
        left = [(one, found) for one, found in trouble(case, until) if one.name != name]
        look = (_firing(alert), until, 1) if name in case.without else _never(alert, until)
        yield _test(alert, f"without {name}", shown(left, "a"), look)


def _replicas(case: Case, alert: Alert) -> Iterator[Shown]:
    until = case.wait_m + AHEAD_M
    first, calm = shown(trouble(case, until), "a"), shown(peace(case, until), "b")
    same = calm if "instance" in case.labels else shown(trouble(case, until), "b")
    yield _test(alert, "fires once for two replicas", first + same, *_once(case, alert, until))
    look = (_firing(alert), until, 1) if case.one_is_enough else _never(alert, until)
    yield _test(alert, "knows what one replica of two tells", first + calm, look)


def _restart(case: Case, alert: Alert) -> Iterator[Shown]:
    since, lost, until = case.wait_m + 1, case.wait_m + AHEAD_M, case.wait_m + 2 * AHEAD_M
    if "instance" in case.labels or case.about_absence:
        return  # it is about one replica, or about none at all
    whole = trouble(case, until)
    gone = [(one, found[:lost] + STALE) for one, found in whole]
    two = shown(gone, "a") + shown(whole, "b")
    yield _test(alert, "holds while one replica of two goes", two, _always(alert, since, until))
    back = [(one, found[:lost] + STALE + found[lost + 1 :]) for one, found in whole]
    yield _test(alert, "holds while the only replica is restarted", shown(back, "a"), _always(alert, since, until))


def _severities(case: Case, alert: Alert) -> Iterator[Shown]:
    until = case.wait_m + AHEAD_M
    own = trouble(case, until)
    other = [
        (Series(one.name, {**one.labels, "severity": OTHER[one.labels["severity"]]}, None, None), found)
        for one, found in own
        if "severity" in one.labels
    ]
    if not other:
        return  # what it looks at has no severity
    rest = [(one, found) for one, found in own if "severity" not in one.labels]
    yield _test(alert, "leaves the other severity alone", shown(rest + other, "a"), _never(alert, until))
    both = shown(own + other, "a") + shown(own + other, "b")
    yield _test(alert, "fires once beside the other severity", both, *_once(case, alert, until))


SITUATIONS: Final[Mapping[str, Callable[[Case, Alert], Iterator[Shown]]]] = {
    "fires": _fires,
    "quiet": _quiet,
    "stale": _stale,
    "absent": _absent,
    "replicas": _replicas,
    "restart": _restart,
    "severities": _severities,
}
