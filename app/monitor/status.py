"""The state of a model in one answer."""

from collections.abc import Sequence
from typing import Any

from app.drift.period import Period
from app.durations import format_duration
from app.monitor.catalog import Watched
from app.monitor.gauges import by_version, judged, open_episodes
from app.monitor.history import periods_of
from app.monitor.instants import instant_text
from app.monitor.lines import Lines
from app.monitor.memory import kept_calibration
from app.monitor.rulebook import budget_line
from app.monitor.service import Service
from app.monitor.standing import FeatureStanding, features
from app.monitor.terms import configuration_of, lines_for
from app.storage import chronicles, episodes, received, rollups, scores, thresholds
from app.storage.database import Connection
from app.storage.thresholds import StoredThreshold


def document(service: Service, watched: Watched) -> dict[str, object]:
    """Give the status of every feature of every version."""
    with service.database.snapshot() as conn:
        newest = {one.version: one for one in scores.newest(conn).get(watched.id, [])}
        last = judged(conn, watched.id, newest, min_rows=service.policy.min_rows)
        stored = thresholds.listed(conn, watched.id)
        running = open_episodes(conn, watched.id)
        shown: dict[str, dict[str, Any]] = {}
        for version in sorted({*received.versions(conn, watched.id), *newest}):
            window = newest.get(version)
            if window is None:
                shown[version] = {"window_start": None, "rows": None, "features": {}, "rollups": {}}
                continue
            scored = last.get(version) or window
            names = service.catalog.feature_names(scored.baseline_id)
            standings = features(
                names,
                window,
                last.get(version),
                lines=Lines(stored, page=budget_line(watched.configuration, len(names))),
                min_rows=service.policy.min_rows,
                episodes={one.feature: one for one in running.get(version, [])},
            )
            missing = _missing(conn, watched, version, scored.baseline_id)
            shown[version] = {
                "window_start": instant_text(window.start_us),
                "rows": window.rows,
                "features": {
                    one.name: _shown(one, missing[f] if f < len(missing) else None) for f, one in enumerate(standings)
                },
                "rollups": {},
            }
        for period in periods_of(watched):
            for version, found in _rolled(service, conn, watched, period, stored).items():
                shown.setdefault(version, {})["rollups"][format_duration(period.length_us)] = found
    status = "ok" if watched.schedule else "no_baseline"
    return {"model": watched.model.name, "status": status, "versions": shown}


def rolled(service: Service, watched: Watched, period: Period) -> dict[str, object]:
    """Give the status of every feature of every version after its newest local day or week."""
    with service.database.snapshot() as conn:
        found = _rolled(service, conn, watched, period, thresholds.listed(conn, watched.id))
    return {"model": watched.model.name, "window": format_duration(period.length_us), "versions": found}


def _rolled(
    service: Service, conn: Connection, watched: Watched, period: Period, stored: Sequence[StoredThreshold]
) -> dict[str, dict[str, object]]:
    """Tell of each version where its features stood after its newest day or week; an episode of them is a warning."""
    configuration = configuration_of(watched, period)
    running = by_version(episodes.listed(conn, watched.id, open_only=True, length_us=period.length_us))
    found: dict[str, dict[str, object]] = {}
    for newest in rollups.newest_scores(conn, watched.id, period.length_us):
        baseline = service.catalog.baseline(newest.baseline_id)
        standings = features(
            [feature.name for feature in baseline.features],
            newest,
            newest if newest.rows >= service.policy.min_rows else None,
            lines=lines_for(configuration, baseline, stored, period=period),
            min_rows=service.policy.min_rows,
            episodes={one.feature: one for one in running.get(newest.version, [])},
        )
        missing = _missing(conn, watched, newest.version, newest.baseline_id, length_us=period.length_us)
        begins = period.begins(newest.start_us)
        told = {one.name: _shown(one, missing[f] if f < len(missing) else None) for f, one in enumerate(standings)}
        for one in told.values():
            one["status"] = "warning" if one["status"] == "critical" else one["status"]
        found[newest.version] = {"window_start": instant_text(begins), "rows": newest.rows, "features": told}
    return found


def _shown(standing: FeatureStanding, missing: str | None) -> dict[str, object]:
    episode = standing.episode
    return {
        "status": standing.status,
        "evidence": standing.scores.get("evidence"),
        "since": None if episode is None else instant_text(episode.start_us),
        "cause": None if episode is None else episode.cause,
        "top_bins": [] if episode is None else list(episode.top_bins),
        "missing": missing,
    }


def _missing(
    conn: Connection, watched: Watched, version: str, baseline_id: int, *, length_us: int = 0
) -> list[str | None]:
    """Tell what the calibration of each feature still lacks."""
    last = chronicles.last(conn, watched.id, version=version, baseline_id=baseline_id, length_us=length_us)
    calibration = None if last is None else kept_calibration(last.calibration)
    if calibration is None:
        return []
    return [calibration.missing(f) for f in range(len(calibration.witnesses))]
