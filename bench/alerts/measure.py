"""What a rule did: how often it fired without drift, and what it found of the drift that was put in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from alerts.shifts import LASTING_US, SIZES, Injection
from alerts.streams import DAY_US, HOUR_US, WEEK_US
from alerts.watch import Scores, Spans, Times, Watch
from numpy.typing import NDArray
from scipy.special import chdtri, kolmogi

MONTH_US: Final = 30 * DAY_US
LEVEL: Final = 0.05
PSI_RULE: Final = "PSI > 0.2"
KS_RULE: Final = "KS p < 0.05"
OURS: Final = "Driftgauge"
RULES: Final = (PSI_RULE, KS_RULE, OURS)
QUIET: Final = "default"

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Alarms:
    """Whether a rule was in alarm in each judged window, (W,), of one feature of one version."""

    starts: Times
    on: Bools

    def within(self, first: int, last: int) -> int | None:
        """The first window in alarm of a stretch of time."""
        mine = self.starts[self.on & (self.starts >= first) & (self.starts < last)]
        return int(mine[0]) if len(mine) else None


Rule = Mapping[tuple[str, str], Alarms]
"""By version and feature."""


@dataclass(slots=True)
class Tally:
    """Sums over streams and draws; recall lists one entry an injection."""

    firings: int = 0
    episodes: int = 0
    alarmed: int = 0
    judged: int = 0
    feature_us: int = 0
    found: dict[str, list[bool]] = field(default_factory=lambda: {size: [] for size in SIZES})
    anyway: dict[str, list[bool]] = field(default_factory=lambda: {size: [] for size in SIZES})
    delays_h: list[float] = field(default_factory=list)

    @property
    def feature_months(self) -> float:
        """How much was watched without drift."""
        return self.feature_us / MONTH_US

    def due(self, size: str) -> float:
        """Share of injections found, less the share of the same spans in alarm without them."""
        return float(np.mean(self.found[size]) - np.mean(self.anyway[size]))


def inside(starts: Times, spans: Sequence[tuple[int, int | None]]) -> Bools:
    """Which windows lie in an episode."""
    on = np.zeros(len(starts), np.bool_)
    for first, last in spans:
        on |= (starts >= first) & (starts < (np.iinfo(np.int64).max if last is None else last))
    return on


def rules(watch: Watch, scores: Scores, *, fixed: Spans, ours: Spans) -> dict[str, Rule]:
    """The three rules on every version and feature."""
    made: dict[str, dict[tuple[str, str], Alarms]] = {name: {} for name in RULES}
    for (version, feature, statistic), score in scores.items():
        key = (version, feature)
        if statistic != "psi":
            continue
        made[PSI_RULE][key] = Alarms(score.starts, inside(score.starts, fixed.get(key, [])))
        made[OURS][key] = Alarms(score.starts, inside(score.starts, ours.get(key, [])))
        known, groups = watch.finite(feature)
        if (*key, "ks") in scores:
            mine, empty = scores[*key, "ks"], scores[*key, "null_ratio"]
            n = mine.rows * (1 - empty.values[np.isin(empty.starts, mine.starts)])
            on = mine.values > kolmogi(LEVEL) * np.sqrt(1 / n + 1 / known)
            made[KS_RULE][key] = Alarms(mine.starts, on)
        else:
            on = score.values > chdtri(groups - 1, LEVEL) * (1 / score.rows + 1 / known)
            made[KS_RULE][key] = Alarms(score.starts, on)
    return {name: dict(rule) for name, rule in made.items()}


def quiet(tally: Tally, rule: Rule, *, weeks: int) -> None:
    """Count what a rule did on the version without drift."""
    for (version, _), alarms in rule.items():
        if version != QUIET:
            continue
        rises = np.flatnonzero(alarms.on & ~np.concatenate([[False], alarms.on[:-1]]))
        ends = np.flatnonzero(alarms.on & ~np.concatenate([alarms.on[1:], [False]]))
        tally.firings += len(rises)
        apart = alarms.starts[rises[1:]] - alarms.starts[ends[:-1]] > DAY_US
        tally.episodes += int(len(rises) > 0) + int(apart.sum())
        tally.alarmed += int(alarms.on.sum())
        tally.judged += len(alarms.on)
        tally.feature_us += weeks * WEEK_US


def recalled(tally: Tally, rule: Rule, injections: Sequence[Injection], *, length_us: int) -> None:
    """Count what a rule found of the injections, and what it says of the same spans without them.

    The delay runs to the end of the first window in alert, when it can first be known.
    """
    for one in injections:
        end = one.onset_us + LASTING_US
        alarms = rule[one.version, one.feature]
        first = alarms.within(one.onset_us, end)
        tally.found[one.shift.size].append(first is not None)
        tally.anyway[one.shift.size].append(rule[QUIET, one.feature].within(one.onset_us, end) is not None)
        if first is not None and alarms.within(one.onset_us - DAY_US, one.onset_us) is None:
            tally.delays_h.append((first + length_us - one.onset_us) / HOUR_US)


def sizes(scores: Scores, statistic: str, levels: Sequence[float]) -> list[float]:
    """How often a calibrated p of the quiet version falls below each level, as a multiple of the level."""
    p = np.concatenate(
        [one.p_values for (version, _, name), one in scores.items() if (version, name) == (QUIET, statistic)]
    )
    p = p[np.isfinite(p)]
    return [float(np.mean(p <= level) / level) for level in levels]
