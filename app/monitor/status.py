"""The state of a model in one answer."""

from app.monitor.catalog import Watched
from app.monitor.gauges import judged
from app.monitor.instants import instant_text
from app.monitor.lines import Lines
from app.monitor.service import Service
from app.monitor.standing import features
from app.storage import scores, thresholds, windows


def document(service: Service, watched: Watched) -> dict[str, object]:
    """Give the status of every feature of every version."""
    policy = service.policy
    with service.database.snapshot() as conn:
        newest = {one.version: one for one in scores.newest(conn).get(watched.id, [])}
        last = judged(conn, watched.id, newest, min_rows=policy.min_rows)
        lines = Lines(thresholds.listed(conn, watched.id))
        versions = windows.versions(conn, watched.id)
    shown: dict[str, object] = {}
    for version in sorted(set(versions) | newest.keys()):
        window = newest.get(version)
        if window is None:
            shown[version] = {"window_start": None, "features": {}}
            continue
        baseline = service.catalog.baseline((last.get(version) or window).baseline_id)
        standings = features(baseline, window, last.get(version), lines=lines, min_rows=policy.min_rows)
        shown[version] = {
            "window_start": instant_text(window.start_us),
            "rows": window.rows,
            "features": {
                one.name: {
                    "status": one.status,
                    "evidence": one.scores.get("evidence"),
                    "since": None,
                    "top_bins": [],
                    "missing": None,
                }
                for one in standings
            },
        }
    return {
        "model": watched.model.name,
        "status": "no_baseline" if not watched.schedule else "ok",
        "versions": shown,
    }
