"""Baselines as they are read."""

from app.monitor.catalog import Watched
from app.monitor.instants import instant_text
from app.monitor.promotion import find
from app.monitor.service import Service
from app.storage import baselines
from app.storage.baselines import BaselineInfo
from app.wire.partition import gx, published


def listed(service: Service, watched: Watched) -> list[dict[str, object]]:
    """List a model's baselines, oldest first."""
    with service.database.snapshot() as conn:
        found = baselines.listed(conn, watched.id)
    return [_head(info) for info in found]


def document(service: Service, watched: Watched, number: int, *, as_gx: bool = False) -> dict[str, object]:
    """Give a baseline's bins and counts, or its partition objects."""
    with service.database.snapshot() as conn:
        info = find(conn, watched, number)
    baseline = service.catalog.baseline(info.id)
    return {**_head(info), "features": gx(baseline) if as_gx else published(baseline)}


def _head(info: BaselineInfo) -> dict[str, object]:
    return {
        "baseline": info.number,
        "status": "active" if info.active else "inactive",
        "rows": info.rows,
        "windows": info.windows,
        "weeks": int(info.weeks),
        "source": info.source,
        "created_at": instant_text(info.created_us),
        "activated_at": None if info.activated_us is None else instant_text(info.activated_us),
    }
