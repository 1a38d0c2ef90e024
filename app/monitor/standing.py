"""Where every feature stands after the last evaluated windows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.drift.scores import Statistic
from app.monitor.judged import CALIBRATING, HIDDEN
from app.monitor.lines import BUDGET, CALIBRATED, FIXED, SEVERITIES, Lines
from app.storage.episodes import Episode
from app.storage.scores import ScoredWindow, StatisticRow


@dataclass(frozen=True, slots=True)
class FeatureStanding:
    """One feature's last scores, the lines they are held against and what follows."""

    name: str
    status: str
    scored: bool
    scores: Mapping[str, float | None]
    lines: Mapping[tuple[str, str], float | None]
    mean: float | None
    episode: Episode | None


def resolved(  # noqa: PLR0913 - what a line depends on
    lines: Lines, row: StatisticRow | None, position: int, *, statistic: str, feature: str, version: str
) -> dict[str, float | None]:
    """Resolve both severities of one score; a calibrated line was drawn when the window was scored."""
    shown: dict[str, float | None] = {}
    for severity in SEVERITIES:
        line = lines.line(statistic, severity, feature=feature, version=version)
        drawn = None if row is None else row.warning if severity == "warning" else row.critical
        shown[severity] = None
        if line.mode == FIXED:
            shown[severity] = line.value
        elif line.mode == BUDGET and statistic == Statistic.EVIDENCE:
            shown[severity] = lines.page
        elif line.mode == CALIBRATED and drawn is not None:
            shown[severity] = number(drawn[position])
    return shown


def number(value: float) -> float | None:
    """Give a finite number as it is and anything else as None."""
    return float(value) if np.isfinite(value) else None


def features(  # noqa: PLR0913 - where a feature stands depends on all of them
    names: Sequence[str],
    newest: ScoredWindow,
    last: ScoredWindow | None,
    *,
    lines: Lines,
    min_rows: int,
    episodes: Mapping[str, Episode],
) -> Iterator[FeatureStanding]:
    """Tell where each of the baseline's features stands.

    `newest` is the last window, `last` the last one with enough rows, `episodes` the open episode of each feature. A
    mean is a fact, as the number of rows is, and no score: it is shown of the newest window that has one.
    """
    statistics = {} if last is None else {name: row for name, row in last.statistics.items() if name not in HIDDEN}
    volume = statistics.pop(Statistic.VOLUME.value, None)
    enough = newest.rows >= min_rows and volume is not None
    waiting = statistics[Statistic.EVIDENCE].status if Statistic.EVIDENCE in statistics else None
    held = [newest] if last is None or last.baseline_id == newest.baseline_id else []
    held += [] if last is None else [last]
    means = [one.statistics["mean"] for one in held if "mean" in one.statistics]
    for position, name in enumerate(names):
        scores: dict[str, float | None] = {}
        drawn: dict[tuple[str, str], float | None] = {}
        for statistic, row in statistics.items():
            value = number(row.values[position])
            if value is None:
                continue
            scores[statistic] = value
            both = resolved(lines, row, position, statistic=statistic, feature=name, version=newest.version)
            drawn |= {(statistic, severity): line for severity, line in both.items()}
        episode = episodes.get(name)
        calibrating = waiting is not None and waiting[position] == CALIBRATING
        yield FeatureStanding(
            name=name,
            status=_status(scores, drawn, enough=enough, calibrating=calibrating, episode=episode),
            scored=enough and not calibrating,
            scores=scores,
            lines=drawn,
            mean=next((mean for row in means if (mean := number(row.values[position])) is not None), None),
            episode=episode,
        )


def _status(
    scores: Mapping[str, float | None],
    lines: Mapping[tuple[str, str], float | None],
    *,
    enough: bool,
    calibrating: bool,
    episode: Episode | None,
) -> str:
    if not enough:
        return "insufficient_rows"
    crossed = {
        severity
        for (statistic, severity), line in lines.items()
        if line is not None and (scores[statistic] or 0.0) > line
    }
    if episode is not None or "critical" in crossed:
        return "critical"
    if "warning" in crossed:
        return "warning"
    return "calibrating" if calibrating else "ok"
