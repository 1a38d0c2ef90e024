"""The road of a batch that was binned by its sender."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline, BinnedFeature
from app.drift.categories import CategoricalBins
from app.drift.windows import window_start
from app.errors import BadRequest, Refused, Unavailable
from app.monitor.arrival import DEFAULT_VERSION
from app.monitor.catalog import Watched
from app.monitor.instants import read_instant
from app.monitor.receipt import Receipt
from app.monitor.record import REBINNINGS, commit
from app.monitor.service import Service
from app.storage.ledger import Delivery, Delta
from app.wire.jsontext import load_json
from app.wire.names import check_name

LARGEST_COUNT: Final = 10**15


def record_histograms(
    service: Service, name: str, batch_id: str, *, body: bytes, backfill: bool = False
) -> dict[str, Any]:
    """Add posted window histograms once and give the receipt, after they are committed."""
    with service.decodes:
        document = load_json(body)
    for attempt in range(REBINNINGS):
        watched = service.catalog.watched(name, fresh=attempt > 0)
        receipt = commit(service, _prepare(service, watched, batch_id, body=body, document=document, backfill=backfill))
        if receipt is not None:
            return receipt
    raise Unavailable("model-changing", "the model kept changing while the batch was counted", retry_after=1)


def _prepare(  # noqa: PLR0913 - one delivery depends on all of them
    service: Service, watched: Watched, batch_id: str, *, body: bytes, document: object, backfill: bool
) -> Delivery:
    now_us = service.now_us()
    if not isinstance(document, dict):
        raise BadRequest("undecodable", "the body must be a JSON object")
    watched.activation(now_us)
    number = document.get("baseline")
    version = _version(document.get("version"))
    posted = document.get("windows")
    if not isinstance(posted, list):
        _refuse("/windows", "must be an array")
    if len(posted) > service.policy.max_windows:
        raise Refused("too-many-windows", f"a batch may touch {service.policy.max_windows} windows, not {len(posted)}")
    baseline_id = _baseline_id(watched, number)
    baseline = service.catalog.baseline(baseline_id)
    known = {feature.name: position for position, feature in enumerate(baseline.features)}
    deltas: list[Delta] = []
    late = future = 0
    ignored: set[str] = set()
    for position, window in enumerate(posted):
        start, rows, features = _window(watched, f"/windows/{position}", window)
        counts = _counts(baseline, f"/windows/{position}", rows=rows, features=features, known=known)
        ignored |= features.keys() - known.keys()
        if not backfill and start + watched.configuration.window < now_us - watched.configuration.late_horizon:
            late += rows
        elif start > now_us + watched.configuration.future_tolerance:
            future += rows
        elif rows:
            sums = _sums(baseline, counts)
            deltas.append(Delta(baseline_id, version, start, rows, counts, sums))
    receipt = _receipt(batch_id, deltas, late=late, future=future, ignored=ignored, baseline=number, now_us=now_us)
    return Delivery(
        model_id=watched.id,
        model_revision=watched.model.revision,
        batch_id=batch_id,
        fingerprint=hashlib.sha256(b"histograms\0" + body).digest()[:16],
        receipt=receipt.text(),
        received_us=now_us,
        rows_accepted=receipt.accepted,
        rows_late=late,
        rows_future=future,
        rows_rejected=0,
        deltas=tuple(deltas),
        backfill=backfill,
    )


def _baseline_id(watched: Watched, number: object) -> int:
    known = {activation.number: activation.baseline_id for activation in watched.schedule}
    if not isinstance(number, int) or isinstance(number, bool) or number not in known:
        _refuse("/baseline", "must be the number of a baseline that is or was active")
    return known[number]


def _version(given: object) -> str:
    if given is None or given == "":
        return DEFAULT_VERSION
    if not isinstance(given, str):
        _refuse("/version", "must be a name")
    return check_name(given, "version")


def _window(watched: Watched, pointer: str, window: object) -> tuple[int, int, Mapping[str, Any]]:
    if not isinstance(window, dict):
        _refuse(pointer, "must be an object")
    start = read_instant(window.get("start"), f"{pointer}/start")
    if start != window_start(start, watched.configuration.window):
        _refuse(f"{pointer}/start", "is not the start of a window")
    rows = window.get("rows")
    if not isinstance(rows, int) or not _is_count(rows):
        _refuse(f"{pointer}/rows", "must be a whole number, at least 0")
    features = window.get("features", {})
    if not isinstance(features, dict):
        _refuse(f"{pointer}/features", "must be an object")
    return start, rows, features


def _counts(
    baseline: Baseline, pointer: str, *, rows: int, features: Mapping[str, Any], known: Mapping[str, int]
) -> NDArray[np.int64]:
    result = np.zeros(int(baseline.offsets[-1]), np.int64)
    for name, position in known.items():
        first, stop = int(baseline.offsets[position]), int(baseline.offsets[position + 1])
        if name not in features:
            result[first + _null(baseline.features[position])] = rows
            continue
        where = f"{pointer}/features/{name}/counts"
        counts = features[name].get("counts") if isinstance(features[name], dict) else None
        if not isinstance(counts, list) or len(counts) != stop - first:
            _refuse(where, f"must be an array of {stop - first} counts")
        if not all(_is_count(one) for one in counts):
            _refuse(where, "must hold whole numbers, at least 0")
        if sum(counts) != rows:
            _refuse(where, f"sums to {sum(counts)}, not to the window's {rows} rows")
        result[first:stop] = counts
    return result


def _sums(baseline: Baseline, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Estimate the sum of each feature's finite values: every row at the baseline's mean of its bin."""
    sums = np.zeros(len(baseline.features))
    for f, feature in enumerate(baseline.features):
        if feature.means is not None:
            first = int(baseline.offsets[f])
            sums[f] = counts[first : first + len(feature.means)] @ np.nan_to_num(feature.means)
    return sums


def _null(feature: BinnedFeature) -> int:
    return feature.bins.null if isinstance(feature.bins, CategoricalBins) else feature.bins.finite


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_COUNT


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


def _refuse(pointer: str, message: str) -> NoReturn:
    raise Refused("unlawful-histogram", f"{pointer[:200]} {message}", extra={"pointer": pointer[:200]})
