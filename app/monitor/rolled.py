"""Days and weeks as they are read: by the instants at which they begin and end."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.drift.context import DAY_US
from app.drift.period import Period
from app.durations import format_duration
from app.monitor.instants import instant_text
from app.storage import rollups
from app.storage.database import Connection
from app.storage.scores import ScoredWindow


def rolled_scores(  # noqa: PLR0913 - what a reader may ask
    conn: Connection,
    model_id: int,
    period: Period,
    *,
    from_us: int | None,
    to_us: int | None,
    version: str | None,
    statistics: Sequence[str] | None,
) -> list[ScoredWindow]:
    """Give the scored days or weeks that begin in [from, to)."""
    near_from, near_to = _near(from_us, to_us)
    found = rollups.scores(
        conn,
        model_id,
        period.length_us,
        from_us=near_from,
        to_us=near_to,
        version=version,
        statistics=statistics,
    )
    placed = [replace(one, start_us=period.begins(one.start_us)) for one in found]
    return [one for one in placed if _inside(one.start_us, from_us, to_us)]


def rolled_windows(  # noqa: PLR0913 - what a reader may ask
    conn: Connection,
    model_id: int,
    period: Period,
    *,
    from_us: int | None,
    to_us: int | None,
    version: str | None,
    now_us: int,
) -> list[dict[str, object]]:
    """List the days or weeks that begin in [from, to), as far as their days are over."""
    near_from, near_to = _near(from_us, to_us)
    merged: dict[tuple[int, str], dict[str, object]] = {}
    for row in rollups.listed(
        conn, model_id, length_us=period.length_us, version=version, from_us=near_from, to_us=near_to
    ):
        begins = period.begins(row.start_us)
        if not _inside(begins, from_us, to_us):
            continue
        scored = "scored" if row.scored_revision >= row.revision else "closed"
        status = scored if period.closed(row.start_us, now_us=now_us) else "open"
        known = merged.get((begins, row.version))
        if known is not None:
            known["rows"] = int(str(known["rows"])) + row.rows
            known["status"] = status if known["status"] == "scored" else known["status"]
            continue
        merged[begins, row.version] = {
            "start": instant_text(begins),
            "end": instant_text(period.ends(row.start_us)),
            "version": row.version,
            "rows": row.rows,
            "status": status,
        }
    return list(merged.values())


def ticketed(row: Mapping[str, Any], period: Period) -> dict[str, Any]:
    """Write a score of days or weeks: it names its window, and whichever line it crosses, it pages nobody."""
    lines = row["threshold"]
    line = lines["critical"] if lines["warning"] is None else lines["warning"]
    return {**row, "threshold": {"warning": line, "critical": None}, "window": format_duration(period.length_us)}


def _near(from_us: int | None, to_us: int | None) -> tuple[int | None, int | None]:
    """Widen a range by more than any zone is away from UTC."""
    return None if from_us is None else from_us - DAY_US, None if to_us is None else to_us + DAY_US


def _inside(begins: int, from_us: int | None, to_us: int | None) -> bool:
    return (from_us is None or begins >= from_us) and (to_us is None or begins < to_us)
