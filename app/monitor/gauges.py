"""From stored scores to the drift series of /metrics."""

from collections.abc import Iterable, Iterator, Mapping

from app.drift.context import DAY_US
from app.drift.evidence import MONTH_US
from app.drift.scores import Statistic
from app.durations import format_duration
from app.metrics.snapshot import EpisodeView, FeatureView, IncidentView, ModelView, RollupView, VersionView
from app.monitor.breath import short_turns
from app.monitor.catalog import Watched
from app.monitor.configuration import restored
from app.monitor.contracts import contracts
from app.monitor.lines import Lines
from app.monitor.novelty import distinct_by_name
from app.monitor.paging import NORMAL, Incident, incidents
from app.monitor.roster import Entry, roster
from app.monitor.rulebook import budget_line
from app.monitor.service import Service
from app.monitor.standing import features, resolved
from app.storage import baselines, episodes, models, received, scores
from app.storage.database import Connection
from app.storage.episodes import Episode
from app.storage.scores import ScoredWindow

SILENT_WINDOWS = 3
SILENT_GAPS = 3
SHORTEST_SILENCE_US = 10_000_000
"""A row takes its time through journal, fold and page; a shorter silence cannot be told from that."""
RETIRED_US = 7 * DAY_US
"""A version leaves the page when its last row is this much older than the model's: versions do not pile up."""
FRESH = 10
"""The last row on the page is never older than this part of the silence that would page."""

_PAGE = (str(Statistic.EVIDENCE), "critical")
"""The line that is off while an episode is open that a person called normal: its page ends, evidence is shown on."""


@short_turns()
def publish(service: Service) -> None:
    """Render the drift series anew; the next scrape shows them, and never an older state after a newer one."""
    with service.publishing:
        with service.database.snapshot() as conn:
            views = list(_views(service, conn))
        service.page.publish(views)
        service.instruments.keep({view.name for view in views})


def outdated(service: Service, conn: Connection) -> bool:
    """Tell whether rows came of a feed that the page shows as quiet for a while."""
    for arm, received_us in received.folded(conn).items():
        shown_us, patience_us = service.shown.get(arm, (0, 0))
        if received_us - shown_us > patience_us // FRESH:
            return True
    return False


def _views(service: Service, conn: Connection) -> Iterator[ModelView]:
    now_us = service.now_us()
    entries = roster(conn, now_us=now_us)
    for model in models.listed(conn):
        entry = entries.get(model.id, Entry())
        watched = Watched(model, restored(model.config), entry.schedule)
        active = baselines.active_at(watched.schedule, now_us)
        crowd = crowded(entry.received, watched)
        yield ModelView(
            model.name,
            baseline=None if active is None else active.number,
            baseline_created_us=None if active is None else entry.created[active.baseline_id],
            pages_per_month=watched.configuration.pages_per_month,
            pages_spent=pages_spent(entry.episodes, watched, crowd=crowd, now_us=now_us),
            versions=list(_versions(service, conn, watched, entry, crowd=crowd)),
        )


def _versions(
    service: Service, conn: Connection, watched: Watched, entry: Entry, *, crowd: frozenset[str]
) -> Iterator[VersionView]:
    mine = {window.version: window for window in entry.newest}
    last = judged(conn, watched.id, mine, min_rows=service.policy.min_rows)
    running = by_version(one for one in entry.episodes if one.end_us is None)
    paged = open_incidents(conn, watched, running, crowd=crowd)
    live_us = max(entry.received.values(), default=0) - max(RETIRED_US, _least_silence_us(watched))
    promised = contracts(conn, watched.id) if entry.contracted else {}
    rollups = {
        version: [_rollup(one) for one in found]
        for version, found in by_version(one for one in entry.rolled if one.verdict != NORMAL).items()
    }
    for version in sorted(mine.keys() | entry.received.keys()):
        window = mine.get(version)
        service.shown[watched.id, version] = entry.received.get(version, 0), _least_silence_us(watched)
        if entry.received.get(version, live_us) < live_us:
            continue
        if window is None:
            yield VersionView(version, last_row_us=entry.received.get(version))
            continue
        scored = last.get(version) or window
        names = service.catalog.feature_names(scored.baseline_id)
        lines = Lines(entry.thresholds, page=budget_line(watched.configuration, len(names)))
        episodes_of = running.get(version, [])
        normal = frozenset[str]().union(*(one.normal() for one in paged.get(version, ())))
        paging = [one for one in episodes_of if one.id not in normal]
        unlined = {one.feature for one in episodes_of if one.id in normal and one.statistic == Statistic.EVIDENCE}
        standings = features(
            names,
            window,
            last.get(version),
            lines=lines,
            min_rows=service.policy.min_rows,
            episodes={one.feature: one for one in episodes_of},
        )
        volume = window.statistics.get(Statistic.VOLUME)
        different = _different(service, conn, watched.id, window)
        yield VersionView(
            version,
            features=[
                FeatureView(
                    one.name,
                    one.status,
                    one.scored,
                    one.scores,
                    {**one.lines, _PAGE: None} if one.name in unlined else one.lines,
                    one.mean,
                    distinct=different.get(one.name),
                )
                for one in standings
            ],
            window_start_us=window.start_us,
            window_end_us=window.start_us + watched.configuration.window,
            volume=window.rows,
            volume_thresholds=resolved(lines, volume, 0, statistic=Statistic.VOLUME, feature="", version=version),
            last_row_us=entry.received.get(version),
            silence_us=silence_us(service, watched, scored.baseline_id),
            episodes=[
                EpisodeView(
                    one.feature,
                    one.statistic,
                    one.severity if woken_by(one, crowd) else "warning",
                    one.cause or "mix",
                )
                for one in paging
            ],
            rollups=rollups.get(version, ()),
            incidents=[
                IncidentView(one.feature, one.statistic, one.start_us) for one in paged.get(version, ()) if one.pages()
            ],
            expectations=promised.get(version, ()),
        )


def _rollup(one: Episode) -> RollupView:
    return RollupView(format_duration(one.length_us), one.feature, one.statistic, one.severity, one.cause or "mix")


def _different(service: Service, conn: Connection, model_id: int, window: ScoredWindow) -> Mapping[str, int]:
    """Count the categories of a scored window, once for each time that it was scored."""
    scored = window.start_us, window.baseline_id, window.revision
    known = service.different.get((model_id, window.version))
    if known is None or known[0] != scored:
        known = scored, distinct_by_name(service, conn, model_id, window)
        service.different[model_id, window.version] = known
    return known[1]


def judged(
    conn: Connection, model_id: int, newest: Mapping[str, ScoredWindow], *, min_rows: int
) -> dict[str, ScoredWindow]:
    """Give the last window of each version that had enough rows to be scored."""
    found: dict[str, ScoredWindow] = {}
    for version, window in newest.items():
        last = window if window.rows >= min_rows else scores.newest_of(conn, model_id, version, min_rows=min_rows)
        if last is not None:
            found[version] = last
    return found


def open_episodes(conn: Connection, model_id: int) -> dict[str, list[Episode]]:
    """Give the open episodes of each version, oldest first."""
    return by_version(episodes.listed(conn, model_id, open_only=True))


def by_version(found: Iterable[Episode]) -> dict[str, list[Episode]]:
    """Part episodes by version, in the order they come."""
    parted: dict[str, list[Episode]] = {}
    for one in found:
        parted.setdefault(one.version, []).append(one)
    return parted


def crowded(last_us: Mapping[str, int], watched: Watched) -> frozenset[str]:
    """Name the versions beside which another has rows: how many one of them gets is how traffic is split."""
    since_us = max(last_us.values(), default=0) - _least_silence_us(watched)
    busy = {version for version, us in last_us.items() if us >= since_us}
    return frozenset(version for version in last_us if busy - {version})


def woken_by(episode: Episode, crowd: frozenset[str]) -> bool:
    """Tell whether an episode is worth a page."""
    return episode.statistic != Statistic.VOLUME or episode.version not in crowd


def pages_spent(recent: Iterable[Episode], watched: Watched, *, crowd: frozenset[str], now_us: int) -> int:
    """Count the pages of the last 30 days: one for each incident of a version."""
    begun = by_version(one for one in recent if one.start_us >= now_us - MONTH_US and woken_by(one, crowd))
    return sum(len(incidents(found, length_us=watched.configuration.window)) for found in begun.values())


def open_incidents(
    conn: Connection, watched: Watched, running: Mapping[str, list[Episode]], *, crowd: frozenset[str]
) -> dict[str, list[Incident]]:
    """Join the open episodes of each version to incidents, with those that were open before them."""
    if not running:
        return {}
    since_us = min(one.start_us for found in running.values() for one in found) - MONTH_US
    recent: dict[str, list[Episode]] = {version: [] for version in running}
    for one in episodes.listed(conn, watched.id, from_us=since_us):
        if one.version in recent and woken_by(one, crowd):
            recent[one.version].append(one)
    length_us = watched.configuration.window
    return {
        version: [one for one in incidents(found, length_us=length_us) if one.end_us is None]
        for version, found in recent.items()
    }


def silence_us(service: Service, watched: Watched, baseline_id: int) -> int | None:
    """Tell how long a feed may be quiet: three windows, three of the reference's longest gaps, ten seconds."""
    gap = service.catalog.longest_gap(baseline_id)
    if gap is None:
        return None
    return max(_least_silence_us(watched), SILENT_GAPS * gap)


def _least_silence_us(watched: Watched) -> int:
    return max(SILENT_WINDOWS * watched.configuration.window, SHORTEST_SILENCE_US)
