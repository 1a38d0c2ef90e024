"""Where every feature stands after the last evaluated windows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.drift.baseline import Baseline
from app.drift.scores import Statistic
from app.monitor.lines import CALIBRATED, FIXED, SEVERITIES, Lines
from app.storage.scores import ScoredWindow, StatisticRow

MEAN: Final = "mean"


@dataclass(frozen=True, slots=True)
class FeatureStanding:
    """One feature's last scores, the lines they are held against and what follows."""

    name: str
    status: str
    scored: bool
    scores: Mapping[str, float | None]
    lines: Mapping[tuple[str, str], float | None]
    mean: float | None


def resolved(  # noqa: PLR0913 - what a line depends on
    lines: Lines, row: StatisticRow | None, position: int, *, statistic: str, feature: str, version: str
) -> dict[str, float | None]:
    """Resolve both severities of one score; a calibrated line was drawn when the window was scored."""
    shown: dict[str, float | None] = {}
    for severity in SEVERITIES:
        line = lines.line(statistic, severity, feature=feature, version=version)
        drawn = None if row is None else row.warning if severity == "warning" else row.critical
        if line.mode == FIXED:
            shown[severity] = line.value
        elif line.mode == CALIBRATED:
            shown[severity] = None if drawn is None else number(drawn[position])
        else:
            shown[severity] = None
    return shown


def number(value: float) -> float | None:
    """Give a finite number as it is and anything else as None."""
    return float(value) if np.isfinite(value) else None


def features(
    baseline: Baseline, newest: ScoredWindow, last: ScoredWindow | None, *, lines: Lines, min_rows: int
) -> Iterator[FeatureStanding]:
    """Tell where each feature stands: `newest` is the last window, `last` the last one with enough rows."""
    enough = newest.rows >= min_rows
    for position, feature in enumerate(baseline.features):
        scores: dict[str, float | None] = {}
        drawn: dict[tuple[str, str], float | None] = {}
        for statistic, row in {} if last is None else last.statistics.items():
            if statistic in {MEAN, Statistic.VOLUME}:
                continue
            value = number(row.values[position])
            if value is None:
                continue
            scores[statistic] = value
            both = resolved(lines, row, position, statistic=statistic, feature=feature.name, version=newest.version)
            drawn |= {(statistic, severity): line for severity, line in both.items()}
        mean = None if last is None or MEAN not in last.statistics else number(last.statistics[MEAN].values[position])
        status = _status(scores, drawn) if enough else "insufficient_rows"
        yield FeatureStanding(feature.name, status, enough and bool(scores), scores, drawn, mean)


def _status(scores: Mapping[str, float | None], lines: Mapping[tuple[str, str], float | None]) -> str:
    crossed = {
        severity
        for (statistic, severity), line in lines.items()
        if line is not None and (scores[statistic] or 0.0) > line
    }
    return "critical" if "critical" in crossed else "warning" if "warning" in crossed else "ok"
