"""What a scrape shows of every model, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

STATUSES: Final = ("ok", "warning", "critical", "insufficient_rows", "calibrating", "no_baseline")
SEVERITIES: Final = ("warning", "critical")

Lines = Mapping[tuple[str, str], float | None]


@dataclass(frozen=True, slots=True)
class FeatureView:
    """One feature of one version after its last evaluated window.

    `scores` maps a statistic to its value; `thresholds` maps (statistic, severity) to the resolved line. None and
    NaN mean that there is no sample. A feature that could not be scored keeps its last scores, with `scored` False.
    """

    name: str
    status: str
    scored: bool
    scores: Mapping[str, float | None]
    thresholds: Lines = field(default_factory=dict)
    mean: float | None = None
    distinct: int | None = None


@dataclass(frozen=True, slots=True)
class EpisodeView:
    """One open episode; `feature` is empty for volume."""

    feature: str
    statistic: str
    severity: str
    cause: str


@dataclass(frozen=True, slots=True)
class RollupView:
    """One open episode of days or weeks, as `window` tells; `feature` is empty for volume."""

    window: str
    feature: str
    statistic: str
    severity: str
    cause: str


@dataclass(frozen=True, slots=True)
class IncidentView:
    """Open episodes that are worth one page together, named by the first; `feature` is empty for volume."""

    feature: str
    statistic: str
    start_us: int


@dataclass(frozen=True, slots=True)
class ExpectationView:
    """What became of one expectation in the newest window; `feature` is empty for the table, several are joined."""

    expectation: str
    feature: str
    severity: str
    success: bool
    unexpected_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version of a model: its last evaluated window (None before the first), features and open episodes.

    `volume` is that window's rows; `silence_us` is how long the feed may be quiet before it counts as silent, None
    for no limit.
    """

    version: str
    features: Sequence[FeatureView] = ()
    window_start_us: int | None = None
    window_end_us: int | None = None
    volume: int | None = None
    volume_thresholds: Mapping[str, float | None] = field(default_factory=dict)
    last_row_us: int | None = None
    silence_us: int | None = None
    episodes: Sequence[EpisodeView] = ()
    incidents: Sequence[IncidentView] = ()
    rollups: Sequence[RollupView] = ()
    expectations: Sequence[ExpectationView] = ()


@dataclass(frozen=True, slots=True)
class ModelView:
    """One model: its active baseline, if any, its budget, the pages of the last 30 days and its versions."""

    name: str
    baseline: int | None = None
    baseline_created_us: int | None = None
    pages_per_month: float | None = None
    pages_spent: int | None = None
    versions: Sequence[VersionView] = ()
