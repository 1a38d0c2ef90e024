"""The road of a batch: bytes, columns, windows, counts, commit."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from app import failpoints
from app.drift.baseline import Baseline
from app.drift.columns import Block, Column, Kind, Role
from app.drift.counting import count
from app.drift.novelty import packed
from app.errors import Conflict, Refused, Unavailable
from app.monitor import few
from app.monitor.arrival import Arrival, arrive
from app.monitor.burden import Turns
from app.monitor.catalog import Watched
from app.monitor.parcel import Parcel, Shipment
from app.monitor.receipt import Receipt, as_duplicate
from app.monitor.road import Road, walk
from app.monitor.sensitive import sensitive_names
from app.monitor.service import Service
from app.storage.deltas import Delta
from app.storage.ledger import Delivery, Outcome, Result
from app.wire.table import Table
from app.wire.values import categorical, numeric

REBINNINGS = 5


def record_batch(service: Service, name: str, parcel: Shipment) -> dict[str, Any]:
    """Count the rows of a batch once and give its receipt, after they are committed."""
    return walk(road(service, name, parcel), timeout_s=service.policy.request_deadline_us / 1e6)


def road(service: Service, name: str, parcel: Shipment, *, turns: Turns | None = None) -> Road:
    """The road of a batch; `turns` are those of decoding it, if not the service's."""
    for attempt in range(REBINNINGS):
        if attempt:
            yield None
        watched = service.catalog.watched(name, fresh=attempt > 0)
        with (turns or service.decodes).of(len(getattr(parcel, "body", b""))):
            delivery = prepare(service, watched, parcel)
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
    _check_size(service, table)
    arrival = arrive(
        table,
        watched.configuration.clockwork(),
        now_us=_judged_us(service, parcel, now_us),
        version=parcel.version,
        backfill=parcel.backfill,
        at_us=parcel.at_us,
    )
    deltas, number = _deltas(service, watched, table, arrival=arrival, roles=parcel.roles)
    receipt = Receipt.of(
        parcel.batch_id, table, arrival, ignored=ignored(watched, baseline, table), baseline=number, now_us=now_us
    )
    return Delivery(
        model_id=watched.id,
        model_revision=watched.model.revision,
        batch_id=parcel.batch_id,
        fingerprint=parcel.fingerprint(),
        receipt=receipt.text(),
        received_us=now_us,
        rows_accepted=len(arrival.rows),
        rows_late=arrival.late,
        rows_future=arrival.future,
        rows_rejected=arrival.rejected,
        deltas=deltas,
        backfill=parcel.backfill,
        sampled=service.reservoirs.offered(watched, table, arrival, batch_id=parcel.batch_id),
    )


def _judged_us(service: Service, parcel: Shipment, now_us: int) -> int:
    """Give the time by which rows are late or not: when they came, as far as the memory of batch ids allows."""
    return now_us if parcel.received_us is None else max(parcel.received_us, now_us - service.policy.ledger_margin_us)


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
            raise Conflict(
                "batch-in-progress", "the same batch is being committed right now", retryable=True, retry_after=1
            )
        case Result.DUPLICATE:
            return as_duplicate(outcome.receipt or "{}")
        case Result.STORED:
            service.reservoirs.note(delivery.model_id, delivery.sampled)
            parsed: dict[str, Any] = orjson.loads(delivery.receipt)
            return parsed


def ignored(watched: Watched, baseline: Baseline, table: Table) -> list[str]:
    """List the columns that are no feature of the baseline in force and steer nothing."""
    known = baseline.kinds
    steering = (watched.configuration.time_column, watched.configuration.version_column)
    return sorted({*table.columns} - known.keys() - {*steering})


def columns_of(
    table: Table, kinds: Mapping[str, Kind], *, block: Block | None = None, words: frozenset[str] | None = None
) -> dict[str, Column]:
    """Read the raw columns that are features, each as its kind says; numbers in the block are there already.

    `words` are the categorical features, if they are known beforehand.
    """
    wanted: Iterable[str] = kinds
    if block is not None:
        spelled = {name for name, kind in kinds.items() if kind is Kind.CATEGORICAL} if words is None else words
        wanted = spelled | (kinds.keys() - block.places.keys())
    return {
        name: (numeric if kinds[name] is Kind.NUMERIC else categorical)(table.columns[name], text=table.text)
        for name in wanted
        if name in table.columns
    }


def _check_size(service: Service, table: Table) -> None:
    if table.received > service.policy.max_rows:
        raise Refused(
            "too-many-rows",
            f"a batch may hold {service.policy.max_rows} rows, this one has {table.received}",
            extra={"limit": service.policy.max_rows, "actual": table.received},
        )


def _deltas(
    service: Service, watched: Watched, table: Table, *, arrival: Arrival, roles: frozenset[Role] | None
) -> tuple[tuple[Delta, ...], int]:
    """Count the accepted rows by baseline, version and window."""
    if not len(arrival.rows):
        return (), watched.activation(service.now_us()).number
    starts, arms, membership = _cells(arrival)
    if len(starts) > service.policy.max_windows:
        raise Refused("too-many-windows", f"a batch may touch {service.policy.max_windows} windows, not {len(starts)}")
    activations = [watched.activation(start) for start in starts]
    nameless = sensitive_names(watched)
    deltas: list[Delta] = []
    for baseline_id in sorted({activation.baseline_id for activation in activations}):
        mine = np.array([activation.baseline_id == baseline_id for activation in activations])
        rank = np.cumsum(mine) - 1
        chosen = mine[membership]
        rows = arrival.rows[chosen]
        baseline = service.catalog.baseline(baseline_id)
        block = table.block
        columns = columns_of(table, baseline.kinds, block=block, words=baseline.words)
        if len(rows) != table.rows:
            columns = {name: column.take(rows) for name, column in columns.items()}
            block = None if block is None else block.take(rows)
        window = rank[membership[chosen]]
        counted = count(baseline, columns, window, int(mine.sum()), nameless=nameless, block=block)
        if roles is not None:
            counted.counts[:, ~_carried(baseline, roles)] = 0
        for position, group in enumerate(np.flatnonzero(mine)):
            deltas.append(
                Delta(
                    baseline_id=baseline_id,
                    version=arrival.versions[arms[group]],
                    window_start_us=starts[group],
                    rows=int(counted.rows[position]),
                    counts=counted.counts[position],
                    sums=counted.sums[position],
                    novelties=packed(counted.novelties[position]),
                )
            )
    return tuple(deltas), max(activation.number for activation in activations)


def _carried(baseline: Baseline, roles: frozenset[Role]) -> NDArray[np.bool_]:
    """Tell of each bin whether its feature has one of these roles."""
    return np.repeat([feature.role in roles for feature in baseline.features], np.diff(baseline.offsets)).astype(bool)


def _cells(arrival: Arrival) -> tuple[list[int], list[int], NDArray[np.int64]]:
    """Give start and arm of every window and version among the rows, ascending, and which of them each row is in."""
    width = len(arrival.versions)
    if width == 1 and (arrival.starts == arrival.starts[0]).all():
        return [int(arrival.starts[0])], [0], np.zeros(len(arrival.starts), np.int64)
    starts, of_start = np.unique(arrival.starts, return_inverse=True)
    cells, membership = np.unique(of_start * width + arrival.arms, return_inverse=True)
    return starts[cells // width].tolist(), (cells % width).tolist(), membership
