"""The terms under which the windows of an arm are judged."""

from collections.abc import Sequence
from dataclasses import replace

from app.drift.baseline import Baseline
from app.drift.period import Period
from app.durations import format_duration, parse_duration
from app.errors import Refused
from app.monitor.arms import Arm
from app.monitor.catalog import Watched
from app.monitor.configuration import Configuration
from app.monitor.history import periods_of
from app.monitor.lines import FIXED, Line, Lines
from app.monitor.rulebook import Rulebook, budget_line
from app.monitor.service import Service
from app.storage.thresholds import StoredThreshold


def terms(service: Service, watched: Watched, arm: Arm, stored: Sequence[StoredThreshold]) -> Rulebook:
    """Give the rulebook of an arm under the thresholds that people have set."""
    configuration = configuration_of(watched, arm.period)
    return Rulebook.of(
        configuration,
        arm.baseline,
        lines=lines_for(configuration, arm.baseline, stored, period=arm.period),
        version=arm.version,
        min_rows=service.policy.min_rows,
    )


def lines_for(
    configuration: Configuration, baseline: Baseline, stored: Sequence[StoredThreshold], *, period: Period | None
) -> Lines:
    """Give the lines in force; a fixed one is drawn for the model's own windows and holds for no others."""
    page = budget_line(configuration, len(baseline.features))
    return Lines(stored if period is None else [one for one in stored if not _fixed(one)], page=page)


def configuration_of(watched: Watched, period: Period | None) -> Configuration:
    """Give a model's settings as its days or weeks are judged by them: on a calendar that has the zone in it."""
    if period is None:
        return watched.configuration
    return replace(watched.configuration, window=period.length_us, timezone=str(period.grid.zone))


def period_of(watched: Watched, window: str | None) -> Period | None:
    """Give the days or weeks that somebody asks for; None for the model's own windows, Refused for any others."""
    own = format_duration(watched.configuration.window)
    known = {format_duration(period.length_us): period for period in periods_of(watched)}
    if window is None or window == own:
        return None
    try:
        length = format_duration(parse_duration(window))
    except ValueError:
        length = window
    if length not in known and length != own:
        names = ", ".join([own, *known])
        raise Refused("unlawful-window", f"the windows of this model are {names}", extra={"pointer": "window"})
    return known.get(length)


def _fixed(threshold: StoredThreshold) -> bool:
    return FIXED in (Line.of(threshold.warning).mode, Line.of(threshold.critical).mode)
