"""Episodes of a version over all its baselines, as they are stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Stretch:
    """The windows that a step walked, from the start of the first to that of the last; `whole` when no more are left.

    `tops` are the outstanding bins of the episodes that began in it, by id.
    """

    baseline_id: int
    since_us: int
    until_us: int
    whole: bool
    tops: Mapping[str, TopBins]


def keep(conn: Connection, watched: Watched, version: str, *, arms: Sequence[Arm], walked: Stretch) -> None:
    """Store a version's episodes as its walks left them; those that no longer stand disappear.

    What ended before the step is left alone, and so is what begins after it; an episode that is open where the step
    ends is shown as it was, if at all, until the walk has come to its end. Episodes of days and weeks are no pages,
    and are kept by the instants at which their days begin and end.
    """
    arm, length_us = arms[0], arms[0].length_us
    prefix = prefix_of(length_us)
    told = [(one, arm) for arm in arms for one in _told(conn, arm)]
    groups = {one.id: one.group for one in grouped([one for one, _ in told], length_us=_length(arm, watched))}
    told = [(one, own) for one, own in told if one.end_us is None or one.end_us >= walked.since_us]
    tops = walked.tops
    known = episodes.tops(conn, watched.id, [prefix + one.id for one, _ in told if one.id not in tops])
    settled: list[episodes.Episode] = []
    unsettled: list[episodes.Episode] = []
    for one, own in told:
        end_us = own.relieved_us if one.end_us is None else one.end_us
        stored = episodes.Episode(
            id=prefix + one.id,
            version=one.version,
            feature=one.feature,
            statistic=one.statistic,
            severity=WARNING if arm.period else CRITICAL,
            start_us=arm.instant(one.start_us),
            end_us=None if end_us is None else arm.instant(end_us),
            peak=one.peak,
            cause=one.cause,
            group=prefix + groups[one.id],
            top_bins=tops.get(one.id, known.get(prefix + one.id, [])),
            length_us=length_us,
        )
        passing = one.end_us is None and not walked.whole and own.baseline_id == walked.baseline_id
        (unsettled if passing else settled).append(stored)
    episodes.replace(
        conn,
        watched.id,
        version,
        episodes=settled,
        unsettled=unsettled,
        since_us=arm.instant(walked.since_us),
        until_us=None if walked.whole else arm.instant(walked.until_us),
        length_us=length_us,
    )


def _length(arm: Arm, watched: Watched) -> int:
    return arm.length_us or watched.configuration.window


def _told(conn: Connection, arm: Arm) -> Sequence[Episode]:
    """List the episodes of an arm as far as it was walked."""
    last = chronicles.last(
        conn, arm.model_id, version=arm.version, baseline_id=arm.baseline_id, length_us=arm.length_us
    )
    state = None if last is None else kept_state(last.after)
    return () if state is None else state.episodes
