"""Episodes of a version over all its baselines, as they are stored."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from app.drift.episodes import Episode, grouped
from app.monitor.arms import Arm
from app.monitor.catalog import Watched
from app.monitor.explanations import TopBins
from app.monitor.memory import kept_state
from app.monitor.verdicts import prefix_of
from app.storage import chronicles, episodes
from app.storage.database import Connection

CRITICAL = "critical"
WARNING = "warning"


def keep(  # noqa: PLR0913 - whose episodes, and since when
    conn: Connection,
    watched: Watched,
    version: str,
    *,
    arms: Sequence[Arm],
    tops: Mapping[str, TopBins],
    since_us: int,
) -> None:
    """Store a version's episodes as its walks left them; those that no longer stand disappear.

    What ended before `since_us`, where the walk began, is left alone. Episodes of days and weeks are no pages, and
    are kept by the instants at which their days begin and end.
    """
    arm, length_us = arms[0], arms[0].length_us
    prefix = prefix_of(length_us)
    found = [
        one
        for one in grouped(standing(conn, arms), length_us=length_us or watched.configuration.window)
        if one.end_us is None or one.end_us >= since_us
    ]
    known = episodes.tops(conn, watched.id, [prefix + one.id for one in found if one.id not in tops])
    stored = [
        episodes.Episode(
            id=prefix + one.id,
            version=one.version,
            feature=one.feature,
            statistic=one.statistic,
            severity=WARNING if arm.period else CRITICAL,
            start_us=arm.instant(one.start_us),
            end_us=None if one.end_us is None else arm.instant(one.end_us),
            peak=one.peak,
            cause=one.cause,
            group=prefix + one.group,
            top_bins=tops.get(one.id, known.get(prefix + one.id, [])),
            length_us=length_us,
        )
        for one in found
    ]
    begin_us = arm.instant(since_us)
    episodes.replace(conn, watched.id, version, episodes=stored, since_us=begin_us, length_us=length_us)


def standing(conn: Connection, arms: Sequence[Arm]) -> list[Episode]:
    """List the episodes of all baselines; one that is open when the next baseline begins ends there."""
    found: list[Episode] = []
    for arm, after in [*pairwise(arms), *([(arms[-1], None)] if arms else [])]:
        last = chronicles.last(
            conn, arm.model_id, version=arm.version, baseline_id=arm.baseline_id, length_us=arm.length_us
        )
        state = None if last is None else kept_state(last.after)
        if state is None:
            continue
        end = None if after is None else int(after.starts[0])
        found += [replace(one, end_us=end) if one.end_us is None else one for one in state.episodes]
    return found
