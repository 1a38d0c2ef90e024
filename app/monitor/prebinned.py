"""The road of a batch that was binned by its sender."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from app.drift.baseline import Baseline
from app.drift.windows import window_start
from app.errors import Refused, Unavailable
from app.monitor.arrival import DEFAULT_VERSION, oldest
from app.monitor.burden import Turns
from app.monitor.catalog import Watched
from app.monitor.instants import read_instant
from app.monitor.plan import Plan
from app.monitor.posted import counts_of, document_of, refuse, window_of, windows_of
from app.monitor.receipt import Receipt
from app.monitor.record import REBINNINGS, settle
from app.monitor.road import Road
from app.monitor.service import Service
from app.storage.deltas import Delta
from app.storage.ledger import Delivery
from app.wire.jsontext import load_json
from app.wire.names import check_name
from app.wire.windows import Posting, read_posting


@dataclass(frozen=True, slots=True)
class Added:
    """What a window adds: rows and counts (bins,), and the names that are no feature."""

    start_us: int
    rows: int
    counts: NDArray[np.int64]
    ignored: frozenset[str]


def road(  # noqa: PLR0913 - one delivery depends on all of them
    service: Service, name: str, batch_id: str, *, body: bytes, backfill: bool = False, turns: Turns | None = None
) -> Road:
    """Add posted window histograms once; `turns` are those of decoding them, if not the service's."""
    with (turns or service.decodes).of(len(body)):
        posting: Posting | object = read_posting(body)
        if posting is None:
            posting = load_json(body)
    for attempt in range(REBINNINGS):
        if attempt:
            yield None
        watched = service.catalog.watched(name, fresh=attempt > 0)
        delivery = _prepare(service, watched, batch_id, body=body, posting=posting, backfill=backfill)
        receipt = settle(service, delivery, (yield service.committer.submit(delivery)))
        if receipt is not None:
            return receipt
    raise Unavailable("model-changing", "the model kept changing while the batch was counted", retry_after=1)


def _prepare(  # noqa: PLR0913 - one delivery depends on all of them
    service: Service, watched: Watched, batch_id: str, *, body: bytes, posting: object, backfill: bool
) -> Delivery:
    now_us = service.now_us()
    number, version, windows = _said(posting)
    watched.activation(now_us)
    if len(windows) > service.policy.max_windows:
        raise Refused("too-many-windows", f"a batch may touch {service.policy.max_windows} windows, not {len(windows)}")
    baseline_id = _baseline_id(watched, number)
    baseline = service.catalog.baseline(baseline_id)
    plan = Plan.of(baseline)
    deltas: list[Delta] = []
    late = future = 0
    oldest_us = oldest(now_us, watched.configuration.late_horizon, backfill=backfill)
    ignored: set[str] = set()
    for added in _added(posting, body, watched=watched, baseline=baseline):
        ignored |= added.ignored
        start = added.start_us
        if start + watched.configuration.window < oldest_us:
            late += added.rows
        elif start > now_us + watched.configuration.future_tolerance:
            future += added.rows
        elif added.rows:
            deltas.append(Delta(baseline_id, version, start, added.rows, added.counts, plan.sums(added.counts)))
    receipt = _receipt(batch_id, deltas, late=late, future=future, ignored=ignored, baseline=number, now_us=now_us)
    return Delivery(
        model_id=watched.id,
        model_revision=watched.model.revision,
        batch_id=batch_id,
        fingerprint=xxhash.xxh3_128_digest(b"histograms\0" + body),
        receipt=receipt.text(),
        received_us=now_us,
        rows_accepted=receipt.accepted,
        rows_late=late,
        rows_future=future,
        rows_rejected=0,
        deltas=tuple(deltas),
        backfill=backfill,
    )


def _said(posting: object) -> tuple[object, str, list[Any]]:
    """Give baseline, version and windows as posted."""
    if isinstance(posting, Posting):
        return posting.baseline, _version(posting.version), posting.windows
    document = document_of(posting)
    return document.get("baseline"), _version(document.get("version")), windows_of(document)


def _added(posting: object, body: bytes, *, watched: Watched, baseline: Baseline) -> Iterator[Added]:
    """Give what each window adds; what the fast way does not like goes the way that says why."""
    plan = Plan.of(baseline)
    if isinstance(posting, Posting):
        found = []
        for window in posting.windows:
            counts = plan.counts(window.rows, window.features)
            if counts is None:
                break
            ignored = _ignored(window.features, plan)
            found.append((window.start, window.rows, counts, ignored))
        else:
            for position, (start, rows, counts, ignored) in enumerate(found):
                yield Added(_start(watched, f"/windows/{position}", start), rows, counts, ignored)
            return
        posting = load_json(body)
    for position, said in enumerate(windows_of(document_of(posting))):
        pointer = f"/windows/{position}"
        began, rows, features = window_of(pointer, said)
        start_us = _start(watched, pointer, began)
        yield Added(
            start_us, rows, counts_of(baseline, pointer, rows=rows, features=features), _ignored(features, plan)
        )


def _ignored(features: Mapping[str, object], plan: Plan) -> frozenset[str]:
    return (
        frozenset()
        if len(features) == len(plan.names) and tuple(features) == plan.names
        else frozenset(features).difference(plan.names)
    )


def _start(watched: Watched, pointer: str, value: object) -> int:
    start = _instant(value) if isinstance(value, str) else read_instant(value, f"{pointer}/start")
    if start is None or start != window_start(start, watched.configuration.window):
        start = read_instant(value, f"{pointer}/start")
        if start != window_start(start, watched.configuration.window):
            refuse(f"{pointer}/start", "is not the start of a window")
    return start


@lru_cache(maxsize=1024)
def _instant(text: str) -> int | None:
    try:
        return read_instant(text, "")
    except Refused:
        return None


def _baseline_id(watched: Watched, number: object) -> int:
    known = {activation.number: activation.baseline_id for activation in watched.schedule}
    if not isinstance(number, int) or isinstance(number, bool) or number not in known:
        refuse("/baseline", "must be the number of a baseline that is or was active")
    return known[number]


def _version(given: object) -> str:
    if given is None or given == "":
        return DEFAULT_VERSION
    if not isinstance(given, str):
        refuse("/version", "must be a name")
    return check_name(given, "version")


def _receipt(  # noqa: PLR0913 - a receipt tells all of it
    batch_id: str,
    deltas: list[Delta],
    *,
    late: int,
    future: int,
    ignored: set[str],
    baseline: object,
    now_us: int,
) -> Receipt:
    windows: dict[int, int] = {}
    for delta in deltas:
        windows[delta.window_start_us] = windows.get(delta.window_start_us, 0) + delta.rows
    accepted = sum(windows.values())
    return Receipt(
        batch_id=batch_id,
        received=accepted + late + future,
        accepted=accepted,
        late=late,
        future=future,
        rejected=0,
        rejections=(),
        ignored=tuple(sorted(ignored)),
        windows=tuple(sorted(windows.items())),
        baseline=baseline if isinstance(baseline, int) else 0,
        untimed=0,
        ambiguous=0,
        server_time_us=now_us,
    )
