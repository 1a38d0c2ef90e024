"""What makes each alert fire, as promtool is told it; `matrix` makes test cases of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_FEATURE: Final = {"model": "m", "version": "v", "feature": "x"}
_VERSION: Final = {"model": "m", "version": "v"}
_MODEL: Final = {"model": "m"}
_TOLD: Final = {"expectation": "expect_column_values_to_not_be_null"} | _FEATURE


@dataclass(frozen=True, slots=True)
class Series:
    """One series of every replica; its values, as promtool writes them without a count, in trouble and in peace.

    A value of None is a series that is not there.
    """

    name: str
    labels: Mapping[str, str]
    trouble: str | None
    peace: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """What an alert looks at, and the labels that it then has besides its own severity.

    `wait_m` are the minutes of trouble that it takes and `linger_m` those that it may outlive its series. `without`
    names series in whose absence it fires. `one_is_enough` tells whether what one replica of two shows is trouble.
    """

    series: tuple[Series, ...]
    labels: Mapping[str, str]
    wait_m: int = 0
    linger_m: int = 2
    without: frozenset[str] = field(default_factory=frozenset)
    one_is_enough: bool = True

    @property
    def about_absence(self) -> bool:
        """Whether it fires when there is nothing at all."""
        return {one.name for one in self.series} <= self.without


def _line(severity: str) -> Case:
    keys = _FEATURE | {"statistic": "psi"}
    return Case(
        (
            Series("drift_score", keys, "0.4", "0.2"),
            Series("drift_score_threshold", keys | {"severity": severity}, "0.2", "0.2"),
        ),
        keys,
    )


def _episode(statistic: str) -> Case:
    keys = (_VERSION if statistic == "volume" else _FEATURE) | {"statistic": statistic}
    shown = keys | {"severity": "critical", "cause": "mix"}
    return Case((Series("drift_episode_info", shown, "1", None),), keys)


def _rollup() -> Case:
    keys = _FEATURE | {"statistic": "evidence", "window": "1d"}
    shown = keys | {"severity": "warning", "cause": "mix"}
    return Case((Series("drift_rollup_episode_info", shown, "1", None),), keys)


def _expectation(severity: str) -> Case:
    return Case((Series("drift_expectation_success", _TOLD | {"severity": severity}, "0", "1"),), _TOLD)


def _own(name: str, trouble: str, peace: str, *, wait_m: int = 0, linger_m: int = 2) -> Case:
    return Case((Series(name, {}, trouble, peace),), {}, wait_m=wait_m, linger_m=linger_m)


_LIMIT: Final = Series("drift_silence_limit_seconds", _VERSION, "600", "600")
_LAST: Final = "drift_last_row_timestamp_seconds"
_LOOKED: Final = "driftgauge_last_evaluation_timestamp_seconds"
_BUILD: Final = {"version": "1", "python": "3"}

CASES: Final[Mapping[str, Case]] = {
    "DriftgaugeDriftCritical": _line("critical"),
    "DriftgaugeDriftWarning": _line("warning"),
    "DriftgaugeDriftOverDays": _rollup(),
    "DriftgaugeNulls": _episode("null_ratio"),
    "DriftgaugeUnseen": _episode("unseen_ratio"),
    "DriftgaugeInvalid": _episode("invalid_ratio"),
    "DriftgaugeVolume": _episode("volume"),
    "DriftgaugeFeedSilent": Case(
        (Series(_LAST, _VERSION, "-900", "0+60"), _LIMIT, Series(_LOOKED, _MODEL, "0+60", "0+60")),
        _MODEL,
        wait_m=2,
        one_is_enough=False,
    ),
    "DriftgaugeVersionSilent": Case(
        (
            Series(_LAST, _VERSION, "-900", "0+60"),
            _LIMIT,
            Series(_LAST, _VERSION | {"version": "w"}, "0+60", "0+60"),
            Series(_LIMIT.name, _VERSION | {"version": "w"}, "600", "600"),
        ),
        _VERSION,
        one_is_enough=False,
    ),
    "DriftgaugeBaselineMissing": Case(
        (
            Series("drift_alert_budget_pages_per_month", _MODEL, "1", "1"),
            Series("drift_baseline_info", _MODEL | {"baseline": "1"}, None, "1"),
        ),
        _MODEL,
        wait_m=60,
        without=frozenset({"drift_baseline_info"}),
        one_is_enough=False,
    ),
    "DriftgaugeCalibrationMissing": Case(
        (Series("drift_features", _VERSION | {"status": "calibrating"}, "3", "0"),), _VERSION, wait_m=60
    ),
    "DriftgaugeDown": Case(
        (Series("driftgauge_build_info", _BUILD, None, "1"),),
        {},
        wait_m=2,
        without=frozenset({"driftgauge_build_info"}),
        one_is_enough=False,
    ),
    "DriftgaugeReplicaDown": Case(
        (
            Series("up", {"job": "driftgauge"}, "1 1 1 0", "1"),
            Series("driftgauge_build_info", {"job": "driftgauge"} | _BUILD, "1 1 1 stale", "1"),
        ),
        {"job": "driftgauge", "instance": "a"},
        wait_m=10,
        linger_m=6,
    ),
    "DriftgaugeDatabaseDown": Case(
        (Series("driftgauge_database_up", {}, "0", "1"),), {}, wait_m=2, linger_m=3, one_is_enough=False
    ),
    "DriftgaugeEvaluationLate": Case((Series(_LOOKED, _MODEL, "-900", "0+60"),), _MODEL, wait_m=2, one_is_enough=False),
    "DriftgaugeEvaluationFailing": Case(
        (Series("driftgauge_evaluation_failures_total", _MODEL, "0+1", "7"),), _MODEL, wait_m=2, linger_m=32
    ),
    "DriftgaugeLedgerImbalance": _own("driftgauge_ledger_imbalance_rows", "-2", "0", wait_m=6, linger_m=16),
    "DriftgaugeJournalOld": _own("driftgauge_journal_oldest_timestamp_seconds", "1", "0", wait_m=12, linger_m=6),
    "DriftgaugeJournalQuarantined": _own("driftgauge_journal_quarantined_rows", "5", "0", wait_m=2),
    "DriftgaugeCallsPutOff": _own("driftgauge_calls_put_off", "5", "0", wait_m=16),
    "DriftgaugeSeriesDropped": _own("driftgauge_series_dropped", "5", "0", wait_m=11, linger_m=16),
    "DriftgaugeExpectationFailed": _expectation("critical"),
    "DriftgaugeExpectationUnusual": _expectation("warning"),
}
