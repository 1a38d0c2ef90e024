"""Episodes as they are read, and what people say of them."""

from app.durations import format_duration
from app.errors import NotFound
from app.monitor.catalog import Watched
from app.monitor.gauges import publish
from app.monitor.instants import instant_text
from app.monitor.models import Author
from app.monitor.service import Service
from app.monitor.terms import period_of
from app.storage import audit, episodes, exposition, rollups, scores
from app.storage.episodes import Episode

ALL = "all"


def document(episode: Episode, watched: Watched) -> dict[str, object]:
    """Write an episode as it is read."""
    return {
        "id": episode.id,
        "version": episode.version,
        "feature": episode.feature,
        "statistic": episode.statistic,
        "severity": episode.severity,
        "start": instant_text(episode.start_us),
        "end": None if episode.end_us is None else instant_text(episode.end_us),
        "peak": episode.peak,
        "cause": episode.cause,
        "group": episode.group,
        "top_bins": list(episode.top_bins),
        "verdict": episode.verdict,
        "note": episode.note,
        "window": format_duration(episode.length_us or watched.configuration.window),
    }


def listed(  # noqa: PLR0913 - the filters of the contract
    service: Service,
    watched: Watched,
    *,
    from_us: int | None,
    to_us: int | None,
    feature: str | None,
    version: str | None,
    window: str | None = None,
) -> list[dict[str, object]]:
    """List a model's episodes, oldest first: of its own windows, of days or weeks, or `all`."""
    period = None if window == ALL else period_of(watched, window)
    length_us = None if window == ALL else 0 if period is None else period.length_us
    with service.database.snapshot() as conn:
        found = episodes.listed(
            conn, watched.id, from_us=from_us, to_us=to_us, feature=feature, version=version, length_us=length_us
        )
    return [document(one, watched) for one in found]


def give(  # noqa: PLR0913 - a verdict, on what and whose
    service: Service, name: str, episode_id: str, *, verdict: str, note: str | None, author: Author
) -> dict[str, object]:
    """Note what a person says of an episode; `normal` lets its windows vouch again from the next Monday on."""
    watched = service.catalog.watched(name, fresh=True)
    with service.database.transaction() as conn:
        before = episodes.find(conn, watched.id, episode_id)
        if before is None:
            raise NotFound("unknown-episode", f"the model has no episode {episode_id[:64]!r}")
        scored = (
            rollups.newest_scores(conn, watched.id, before.length_us)
            if before.length_us
            else scores.newest(conn).get(watched.id, [])
        )
        newest = {one.version: one.start_us for one in scored}
        after = episodes.judge(
            conn,
            watched.id,
            episode_id,
            verdict=verdict,
            note=note,
            now_us=service.now_us(),
            window_us=newest.get(before.version, before.start_us),
        )
        audit.record(
            conn,
            actor=author.actor,
            action="episode.verdict",
            object_=name,
            before={"episode": episode_id, "verdict": before.verdict, "note": before.note},
            after={"episode": episode_id, "verdict": verdict, "note": note},
            request_id=author.request_id,
            now_us=service.now_us(),
        )
        exposition.bump(conn)
    publish(service)
    return document(before if after is None else after, watched)
