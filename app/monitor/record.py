"""The road of a batch: bytes, columns, windows, counts, commit."""

from typing import Any, Final

import orjson

from app import failpoints
from app.errors import Conflict, Problem, Refused, Unavailable
from app.monitor import brisk, few
from app.monitor.binned import binned, placed
from app.monitor.burden import Turns
from app.monitor.catalog import Watched
from app.monitor.parcel import Parcel, Shipment
from app.monitor.receipt import as_duplicate
from app.monitor.road import Road, walk
from app.monitor.service import Service
from app.storage.ledger import Delivery, Outcome, Result

REBINNINGS: Final = 5
IN_PROGRESS: Final = "batch-in-progress"


def record_batch(service: Service, name: str, parcel: Shipment) -> dict[str, Any]:
    """Count the rows of a batch once and give its receipt, after they are committed."""
    return walk(road(service, name, parcel), timeout_s=service.policy.request_deadline_us / 1e6)


def road(service: Service, name: str, parcel: Shipment, *, turns: Turns | None = None, hasty: bool = False) -> Road:
    """The road of a batch; `turns` are those of decoding it, if not the service's.

    A `hasty` one takes no turn and little time up to where it first yields.
    """
    for attempt in range(REBINNINGS):
        if attempt:
            yield None
        watched = service.catalog.watched(name, fresh=attempt > 0)
        delivery = (yield from brisk.delivery(service, watched, parcel)) if hasty else None
        if delivery is None:
            if hasty:
                yield None
            with (turns or service.decodes).of(len(getattr(parcel, "body", b""))):
                delivery = prepare(service, watched, parcel)
        hasty = False
        receipt = settle(service, delivery, (yield service.committer.submit(delivery)))
        if receipt is not None:
            return receipt
    raise Unavailable("model-changing", "the model kept changing while the batch was counted", retry_after=1)


def prepare(service: Service, watched: Watched, parcel: Shipment) -> Delivery:
    """Decode and bin a batch under the settings and baselines in force."""
    now_us = service.now_us()
    baseline = service.catalog.baseline(watched.activation(now_us).baseline_id)
    failpoints.hit("ingest.before_decode")
    if isinstance(parcel, Parcel) and len(parcel.body) <= few.LARGEST:
        found = few.delivery(service, watched, baseline, parcel=parcel, now_us=now_us)
        if found is not None:
            return found
    table = parcel.table(watched)
    arrival = placed(service, watched, parcel, table, now_us=now_us)
    return binned(service, watched, baseline, parcel=parcel, table=table, arrival=arrival, now_us=now_us)


def unknown_outcome(problem: Problem) -> Unavailable:
    """Say of a batch in progress what every sender tries again: many drop what is 409, and the first may still fail."""
    return Unavailable("outcome-unknown", problem.detail, stored="unknown", retry_after=1)


def settle(service: Service, delivery: Delivery, outcome: Outcome | None) -> dict[str, Any] | None:
    """Give the receipt of a delivery, or the problem with it; None when it has to be binned again."""
    if outcome is None:
        return None
    match outcome.result:
        case Result.STALE:
            return None
        case Result.REUSED:
            raise Refused("batch-id-reused", f"the batch id {delivery.batch_id!r} was used for other bytes")
        case Result.IN_PROGRESS:
            raise Conflict(IN_PROGRESS, "the same batch is being committed right now", retryable=True, retry_after=1)
        case Result.DUPLICATE:
            return as_duplicate(outcome.receipt or "{}")
        case Result.STORED:
            service.reservoirs.note(delivery.model_id, delivery.sampled)
            parsed: dict[str, Any] = orjson.loads(delivery.receipt)
            return parsed
