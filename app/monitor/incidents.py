"""Episodes of a version over all its baselines, as they are stored."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from app.drift.episodes import Episode, grouped
from app.monitor.arms import Arm
from app.monitor.catalog import Watched
from app.monitor.chronicle import EVER_US
from app.monitor.explanations import TopBins
from app.monitor.memory import kept_state
from app.storage import chronicles, episodes
from app.storage.database import Connection

CRITICAL = "critical"


def keep(conn: Connection, watched: Watched, version: str, *, arms: Sequence[Arm], tops: Mapping[str, TopBins]) -> None:
    """Store a version's episodes as its walks left them; those that no longer stand disappear."""
    found = grouped(standing(conn, arms), length_us=watched.configuration.window)
    known = {one.id: one.top_bins for one in episodes.listed(conn, watched.id, version=version)}
    stored = [
        episodes.Episode(
            id=one.id,
            version=one.version,
            feature=one.feature,
            statistic=one.statistic,
            severity=CRITICAL,
            start_us=one.start_us,
            end_us=one.end_us,
            peak=one.peak,
            cause=one.cause,
            group=one.group,
            top_bins=tops.get(one.id, known.get(one.id, [])),
        )
        for one in found
    ]
    episodes.replace(conn, watched.id, version, episodes=stored, since_us=EVER_US)


def standing(conn: Connection, arms: Sequence[Arm]) -> list[Episode]:
    """List the episodes of all baselines; one that is open when the next baseline begins ends there."""
    found: list[Episode] = []
    for arm, after in [*pairwise(arms), *([(arms[-1], None)] if arms else [])]:
        last = chronicles.last(conn, arm.model_id, version=arm.version, baseline_id=arm.baseline_id)
        state = None if last is None else kept_state(last.after)
        if state is None:
            continue
        end = None if after is None else int(after.starts[0])
        found += [replace(one, end_us=end) if one.end_us is None else one for one in state.episodes]
    return found
