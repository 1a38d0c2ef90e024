"""Storing a baseline and letting it hold."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np

from app.drift.baseline import Baseline
from app.drift.windows import next_boundary
from app.errors import NotFound, Refused
from app.monitor.arms import Arm
from app.monitor.baseline import BaselineRows, Counted, Progress
from app.monitor.breath import short_turns
from app.monitor.catalog import Watched
from app.monitor.fitting import fit_baseline
from app.monitor.gauges import publish
from app.monitor.models import Author
from app.monitor.ready import ready_histograms
from app.monitor.rulebook import Rulebook, lines_of
from app.monitor.service import Service
from app.monitor.spill import Spill
from app.storage import audit, baselines, exposition, models, windows
from app.storage.baselines import BaselineInfo
from app.storage.database import Connection
from app.storage.models import ModelFeature
from app.storage.windows import WindowCounts
from app.wire.arriving import Arriving, complete
from app.wire.stream import RowsFile, nothing

FIT_S: Final = 600.0
STORE_S: Final = 3600.0
NO_STARTS: Final = np.zeros(0, np.int64)


@short_turns()
def create_from_file(  # noqa: PLR0913 - what makes a baseline
    service: Service,
    name: str,
    path: Path,
    *,
    arriving: Arriving | None = None,
    content_type: str | None,
    row_count: int | None = None,
    activate: bool,
    author: Author,
    progress: Progress = nothing,
) -> dict[str, object]:
    """Make a baseline from the rows, of which the sender may tell the number, or the ready histograms of a file.

    The file may still be arriving.
    """
    arriving = arriving or complete()
    watched = service.catalog.watched(name, fresh=True)
    ready = ready_histograms(path, arriving)
    if ready is not None:
        counted = Counted(ready, NO_STARTS, 0, ())
        return _store(service, watched, counted, (), source="histograms", activate=activate, author=author)
    rows = RowsFile(path, content_type, row_count=row_count, arriving=arriving)
    reader = BaselineRows(
        watched, rows, now_us=service.now_us(), max_columns=service.policy.max_columns, progress=progress
    )
    with Spill(service.policy.scratch, room=service.policy.max_spill_bytes, arriving=arriving) as spill:
        tally, counted = reader.fit(spill)
        parts = reader.count(tally, counted.starts, spill)
        first = next(parts)
        counted = Counted(tally.finish(), counted.starts, counted.rejected, counted.rejections)
        return _store(service, watched, counted, chain([first], parts), source="rows", activate=activate, author=author)


@short_turns()
def create_from_windows(  # noqa: PLR0913 - what makes a baseline
    service: Service, name: str, *, from_us: int, to_us: int, version: str, activate: bool, author: Author
) -> dict[str, object]:
    """Promote stored windows of one version: the same bins with what was counted in them."""
    watched = service.catalog.watched(name, fresh=True)
    with service.database.snapshot(deadline_s=STORE_S) as read:
        listed = windows.listed(read, watched.id, from_us=from_us, to_us=to_us, version=version)
        ids = {row.baseline_id for row in listed}
        if len(ids) != 1:
            code = "no-window" if not ids else "mixed-baselines"
            raise Refused(code, f"the range holds windows on {len(ids)} baselines; a promotion needs one")
        baseline_id = ids.pop()

        def chunks() -> Iterator[WindowCounts]:
            return windows.counts(
                read, watched.id, baseline_id=baseline_id, version=version, from_us=from_us, to_us=to_us
            )

        old = service.catalog.baseline(baseline_id)
        counts = sum((chunk.counts.sum(axis=0) for chunk in chunks()), np.zeros(old.total, np.int64))
        promoted = Baseline.of(old.features, counts, sum(row.rows for row in listed))
        counted = Counted(promoted, np.array([row.start_us for row in listed], np.int64), 0, ())
        return _store(service, watched, counted, chunks(), source="windows", activate=activate, author=author)


def activate(service: Service, name: str, number: int, *, author: Author) -> dict[str, object]:
    """Let a stored baseline hold from the next window boundary on."""
    watched = service.catalog.watched(name, fresh=True)
    with service.database.transaction() as conn:
        info = find(conn, watched, number)
        _activate(service, conn, watched, info, baseline=service.catalog.baseline(info.id), author=author)
    service.catalog.forget(name)
    publish(service)
    return {"baseline": number, "status": "active"}


def find(conn: Connection, watched: Watched, number: int) -> BaselineInfo:
    """Give a model's baseline by number; NotFound when there is none."""
    info = baselines.find(conn, watched.id, number) if 0 < number < 2**31 else None
    if info is None:
        raise NotFound("unknown-baseline", f"the model has no baseline {number}")
    return info


def _store(  # noqa: PLR0913 - one stored baseline depends on all of them
    service: Service,
    watched: Watched,
    counted: Counted,
    parts: Iterable[WindowCounts],
    *,
    source: str,
    activate: bool,
    author: Author,
) -> dict[str, object]:
    baseline = counted.baseline
    with service.database.transaction(deadline_s=STORE_S) as conn:
        now_us = service.now_us()
        info = baselines.add(
            conn,
            watched.id,
            baseline,
            source=source,
            weeks=float(counted.weeks),
            now_us=now_us,
        )
        for part in parts:
            if len(part):
                baselines.add_windows(conn, info.id, part)
        audit.record(
            conn,
            actor=author.actor,
            action="baseline.create",
            object_=watched.model.name,
            before=None,
            after={"baseline": info.number, "rows": baseline.rows, "source": source},
            request_id=author.request_id,
            now_us=now_us,
        )
        if activate:
            _activate(service, conn, watched, info, baseline=baseline, author=author)
    service.catalog.forget(watched.model.name)
    publish(service)
    calibrated = _calibrated(service, watched, info.id)
    return {
        "baseline": info.number,
        "rows": baseline.rows,
        "windows": len(counted.starts),
        "weeks": counted.weeks,
        "status": "active" if activate else "inactive",
        "rejected": counted.rejected,
        "rejections": [{"row": one.row, "reason": one.reason} for one in counted.rejections],
        "features": {
            feature.name: {**_summary(baseline, f), "calibrated": calibrated[f]}
            for f, feature in enumerate(baseline.features)
        },
    }


def _calibrated(service: Service, watched: Watched, baseline_id: int) -> list[bool]:
    """Tell which features the baseline's own windows are enough to judge."""
    baseline = service.catalog.baseline(baseline_id)
    with service.database.snapshot(deadline_s=FIT_S) as read:
        arm = Arm.of_baseline(read, watched.id, baseline_id, baseline)
        lines = lines_of(read, watched, baseline)
        rulebook = Rulebook.of(
            watched.configuration, baseline, lines=lines, version=arm.version, min_rows=service.policy.min_rows
        )
        fitted = fit_baseline(read, arm, rulebook)
    if fitted is None:
        return [False] * len(baseline.features)
    return [bool(one) for one in fitted.calibrated]


def _summary(baseline: Baseline, f: int) -> dict[str, object]:
    feature = baseline.features[f]
    bins = baseline.bins_of(f)
    null = next(position for position, one in enumerate(bins) if one.kind.value == "null")
    nulls = int(baseline.counts[int(baseline.offsets[f]) + null])
    return {
        "kind": feature.kind.value,
        "role": feature.role.value,
        "bins": len(bins),
        "null_share": nulls / baseline.rows if baseline.rows else 0.0,
    }


def _activate(  # noqa: PLR0913 - one activation depends on all of them
    service: Service,
    conn: Connection,
    watched: Watched,
    info: BaselineInfo,
    *,
    baseline: Baseline,
    author: Author,
) -> None:
    now_us = service.now_us()
    boundary = next_boundary(now_us, watched.configuration.window)
    baselines.activate(conn, watched.id, info.id, effective_from_us=boundary, now_us=now_us)
    model = models.get(conn, watched.id)
    if model is None:
        raise NotFound("unknown-model", "the model was removed meanwhile")
    declared = {feature.name: feature for feature in model.features if feature.declared}
    learnt = [
        ModelFeature(feature.name, feature.kind, feature.role, declared=False)
        for feature in baseline.features
        if feature.name not in declared
    ]
    models.change(conn, model, config=model.config, features=[*declared.values(), *learnt])
    audit.record(
        conn,
        actor=author.actor,
        action="baseline.activate",
        object_=watched.model.name,
        before={"baseline": watched.schedule[-1].number} if watched.schedule else None,
        after={"baseline": info.number},
        request_id=author.request_id,
        now_us=now_us,
    )
    exposition.bump(conn)
