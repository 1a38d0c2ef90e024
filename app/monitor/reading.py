"""What was counted and scored, as it is read."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from app.drift.baseline import Baseline
from app.drift.novelty import Novelty
from app.drift.scores import Statistic
from app.errors import NotFound
from app.monitor.arrival import DEFAULT_VERSION
from app.monitor.catalog import Watched
from app.monitor.instants import instant_text
from app.monitor.judged import HIDDEN, INSUFFICIENT_ROWS, STATUSES
from app.monitor.lines import Lines
from app.monitor.novelty import told
from app.monitor.rolled import rolled_scores, rolled_windows, ticketed
from app.monitor.sensitive import sensitive_names
from app.monitor.service import Service
from app.monitor.standing import resolved
from app.monitor.terms import configuration_of, lines_for, period_of
from app.storage import baselines, novelties, scores, thresholds, windows
from app.storage.scores import ScoredWindow
from app.wire.partition import described


def list_windows(  # noqa: PLR0913 - what a reader may ask
    service: Service,
    watched: Watched,
    *,
    from_us: int | None,
    to_us: int | None,
    version: str | None,
    window: str | None = None,
) -> list[dict[str, object]]:
    """List the windows that hold rows, consistent with every receipt already sent; or the days or weeks asked for."""
    length = watched.configuration.window
    now_us = service.now_us() - service.policy.close_delay_us
    period = period_of(watched, window)
    with service.database.snapshot() as conn:
        if period is not None:
            return rolled_windows(
                conn, watched.id, period, from_us=from_us, to_us=to_us, version=version, now_us=now_us
            )
        rows = windows.listed(conn, watched.id, from_us=from_us, to_us=to_us, version=version)
    merged: dict[tuple[int, str], dict[str, object]] = {}
    for row in rows:
        scored = row.scored_revision >= row.revision and not row.unfolded_rows and row.revision > 0
        status = "open" if now_us < row.start_us + length else "scored" if scored else "closed"
        known = merged.get((row.start_us, row.version))
        if known is not None:
            known["rows"] = int(str(known["rows"])) + row.rows
            known["status"] = status if known["status"] == "scored" else known["status"]
            continue
        merged[row.start_us, row.version] = {
            "start": instant_text(row.start_us),
            "end": instant_text(row.start_us + length),
            "version": row.version,
            "rows": row.rows,
            "status": status,
        }
    return list(merged.values())


def histograms(  # noqa: PLR0913 - what a reader may ask
    service: Service,
    watched: Watched,
    start_us: int,
    *,
    version: str | None,
    feature: str | None,
    baseline: int | None,
) -> dict[str, object]:
    """Give the counts of one window by bin; NotFound when the version has no row in it."""
    version = version or DEFAULT_VERSION
    with service.database.snapshot() as conn:
        found = windows.histograms(conn, watched.id, start_us=start_us, version=version)
        numbers = {info.id: info.number for info in baselines.listed(conn, watched.id)}
        chosen = [one for one in found if baseline is None or numbers.get(one[0]) == baseline]
        noted: dict[int, Novelty] = {}
        for by, _ in chosen[-1:]:
            noted = novelties.of_window(conn, watched.id, start_us=start_us, version=version, baseline_id=by)
    sensitive = sensitive_names(watched)
    if not chosen or not int(chosen[-1][1].rows[0]):
        raise NotFound("no-window", f"version {version!r} has no row in the window {instant_text(start_us)}")
    baseline_id, counted = chosen[-1]
    reference = service.catalog.baseline(baseline_id)
    shown: dict[str, object] = {}
    carried: dict[str, int] = {}
    for position, one in enumerate(reference.features):
        first, stop = int(reference.offsets[position]), int(reference.offsets[position + 1])
        rows = carried[one.role.value] = int(counted.counts[0, first:stop].sum())
        if feature is not None and one.name != feature:
            continue
        bins = [
            {**described(each), "count": count}
            for each, count in zip(reference.bins_of(position), counted.counts[0, first:stop].tolist(), strict=True)
        ]
        extra = told(reference, position, counted.counts[0], noted.get(position), sensitive=one.name in sensitive)
        shown[one.name] = {"kind": one.kind.value, "role": one.role.value, "rows": rows, **extra, "bins": bins}
    if feature is not None and not shown:
        raise NotFound("unknown-feature", f"the model has no feature {feature!r}")
    return {
        "window_start": instant_text(start_us),
        "window_end": instant_text(start_us + watched.configuration.window),
        "version": version,
        "baseline": numbers[baseline_id],
        "rows": int(counted.rows[0]),
        "rows_by_role": carried,
        "features": shown,
    }


def list_scores(  # noqa: PLR0913 - what a reader may ask
    service: Service,
    watched: Watched,
    *,
    feature: str | None,
    statistic: str | None,
    from_us: int | None,
    to_us: int | None,
    version: str | None,
    window: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Give the stored scores, ordered by start, version, feature and statistic; or those of days or weeks."""
    period = period_of(watched, window)
    statistics = None if statistic is None else [statistic]
    with service.database.snapshot() as conn:
        stored = thresholds.listed(conn, watched.id)
        scored = (
            scores.listed(conn, watched.id, from_us=from_us, to_us=to_us, version=version, statistics=statistics)
            if period is None
            else rolled_scores(
                conn, watched.id, period, from_us=from_us, to_us=to_us, version=version, statistics=statistics
            )
        )
    configuration = configuration_of(watched, period)
    for one in sorted(scored, key=lambda one: (one.start_us, one.version, one.baseline_id)):
        baseline = service.catalog.baseline(one.baseline_id)
        lines = lines_for(configuration, baseline, stored, period=period)
        for row in _rows(baseline, one, lines=lines, feature=feature):
            yield row if period is None else ticketed(row, period)


def _rows(baseline: Baseline, window: ScoredWindow, *, lines: Lines, feature: str | None) -> Iterator[dict[str, Any]]:
    positions = sorted((one.name, position) for position, one in enumerate(baseline.features))
    start = instant_text(window.start_us)
    volume = window.statistics.get(Statistic.VOLUME.value)
    if volume is not None and feature in {None, ""}:
        yield _row(window, start, "", lines=lines, statistic=Statistic.VOLUME.value, position=0)
    for name, position in positions:
        if feature is not None and name != feature:
            continue
        for statistic in sorted(window.statistics):
            row = window.statistics[statistic]
            if statistic in HIDDEN or statistic == Statistic.VOLUME.value:
                continue
            if np.isnan(row.values[position]) and (row.status is None or not row.status[position]):
                continue
            yield _row(window, start, name, lines=lines, statistic=statistic, position=position)


def _row(  # noqa: PLR0913 - a row tells all of it
    window: ScoredWindow, start: str, feature: str, *, lines: Lines, statistic: str, position: int
) -> dict[str, Any]:
    row = window.statistics[statistic]
    code = 0 if row.status is None else int(row.status[position])
    shown: dict[str, Any] = {
        "window_start": start,
        "feature": feature,
        "version": window.version,
        "statistic": statistic,
        "value": None if code == INSUFFICIENT_ROWS else _number(row.values, position),
        "threshold": resolved(lines, row, position, statistic=statistic, feature=feature, version=window.version),
        "p_value": _number(row.p_values, position),
        "rows": window.rows,
        "status": STATUSES[code],
    }
    if row.high is not None:
        shown["low"] = shown["value"]
        shown["high"] = _number(row.high, position)
    return shown


def _number(values: "np.ndarray[Any, np.dtype[np.float64]] | None", position: int) -> float | None:
    value = None if values is None else float(values[position])
    return None if value is None or not np.isfinite(value) else value
