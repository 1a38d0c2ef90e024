"""Drawing and wiping thresholds, on the record."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from app.errors import NotFound, Refused
from app.monitor.catalog import Watched
from app.monitor.conditions import UNCONDITIONAL, Condition
from app.monitor.gauges import publish
from app.monitor.lines import CALIBRATED, FIXED, SEVERITIES, Lines
from app.monitor.models import Author
from app.monitor.redraw import redraw
from app.monitor.rulebook import budget_line
from app.monitor.service import Service
from app.storage import audit, exposition, models, thresholds
from app.storage.database import Connection
from app.storage.thresholds import StoredThreshold
from app.wire.names import check_name


def effective(service: Service, watched: Watched) -> list[dict[str, object]]:
    """List every effective threshold."""
    with service.database.snapshot() as conn:
        stored = thresholds.listed(conn, watched.id)
    page = budget_line(watched.configuration, len(watched.model.features))
    return list(Lines(stored, page=page).listed())


def tag(service: Service, watched: Watched) -> str:
    """Give the entity tag of all thresholds of a model."""
    with service.database.snapshot() as conn:
        return _tag(conn, watched)


def put(
    service: Service,
    name: str,
    document: Mapping[str, Any],
    *,
    author: Author,
    condition: Condition = UNCONDITIONAL,
) -> dict[str, Any]:
    """Draw the lines of a statistic; the gauges follow at once."""
    watched = service.catalog.watched(name, fresh=True)
    threshold = StoredThreshold(
        document["statistic"],
        document["feature"],
        document["version"],
        _trimmed(document["warning"]),
        _trimmed(document["critical"]),
    )
    check_threshold(watched, threshold)
    with service.database.transaction() as conn:
        _expect(conn, watched, condition)
        before = _find(conn, watched, threshold.statistic, feature=threshold.feature, version=threshold.version)
        thresholds.put(conn, watched.id, threshold)
        _record(service, conn, watched, author=author, before=before, after=threshold)
        exposition.bump(conn)
    redraw(service, watched)
    publish(service)
    return _shown(threshold)


def delete(  # noqa: PLR0913 - what names a threshold
    service: Service,
    name: str,
    *,
    statistic: str,
    feature: str | None,
    version: str | None,
    author: Author,
    condition: Condition = UNCONDITIONAL,
) -> None:
    """Go back to the default; NotFound when nothing was set."""
    watched = service.catalog.watched(name, fresh=True)
    with service.database.transaction() as conn:
        _expect(conn, watched, condition)
        before = _find(conn, watched, statistic, feature=feature, version=version)
        if before is None:
            raise NotFound("unknown-threshold", f"no threshold of {statistic} is set there")
        thresholds.drop(conn, watched.id, statistic=statistic, feature=feature, version=version)
        _record(service, conn, watched, author=author, before=before, after=None)
        exposition.bump(conn)
    redraw(service, watched)
    publish(service)


def _expect(conn: Connection, watched: Watched, condition: Condition) -> None:
    """Let no other change of the model's thresholds in between."""
    models.lock(conn, watched.id)
    condition.check(_tag(conn, watched))


def _tag(conn: Connection, watched: Watched) -> str:
    stored = [watched.id, [_shown(one) for one in thresholds.listed(conn, watched.id)]]
    return f'"{hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()[:32]}"'


def check_threshold(watched: Watched, threshold: StoredThreshold) -> None:
    """Refuse a threshold that could not be kept."""
    for severity, line in zip(SEVERITIES, (threshold.warning, threshold.critical), strict=True):
        if line is None:
            continue
        needed = {FIXED: "value", CALIBRATED: "p"}[str(line["mode"])]
        if line.get(needed) is None:
            raise Refused(
                "unlawful-threshold",
                f"{severity}: mode {line['mode']} needs {needed}",
                extra={"pointer": f"/{severity}"},
            )
    if threshold.feature is not None and all(threshold.feature != one.name for one in watched.model.features):
        detail = f"the model has no feature {threshold.feature!r}"
        raise Refused("unlawful-threshold", detail, extra={"pointer": "/feature"})
    if threshold.version is not None:
        check_name(threshold.version, "version")


def _trimmed(line: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if line is None else {name: value for name, value in line.items() if value is not None}


def _find(
    conn: Connection, watched: Watched, statistic: str, *, feature: str | None, version: str | None
) -> StoredThreshold | None:
    wanted = (statistic, feature, version)
    stored = thresholds.listed(conn, watched.id)
    return next((one for one in stored if (one.statistic, one.feature, one.version) == wanted), None)


def _shown(threshold: StoredThreshold) -> dict[str, Any]:
    return {
        "statistic": threshold.statistic,
        "feature": threshold.feature,
        "version": threshold.version,
        "warning": threshold.warning,
        "critical": threshold.critical,
    }


def _record(  # noqa: PLR0913 - an audit entry tells all of it
    service: Service,
    conn: Connection,
    watched: Watched,
    *,
    author: Author,
    before: StoredThreshold | None,
    after: StoredThreshold | None,
) -> None:
    audit.record(
        conn,
        actor=author.actor,
        action="threshold.delete" if after is None else "threshold.put",
        object_=watched.model.name,
        before=None if before is None else _shown(before),
        after=None if after is None else _shown(after),
        request_id=author.request_id,
        now_us=service.now_us(),
    )
