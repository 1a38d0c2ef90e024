"""A table of rows, binned by baseline, version and window: what a batch asks to be committed."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline
from app.drift.columns import Block, Column, Kind, Role
from app.drift.counting import count
from app.drift.novelty import packed
from app.errors import Refused
from app.monitor.arrival import Arrival, arrive
from app.monitor.catalog import Watched
from app.monitor.parcel import Shipment
from app.monitor.receipt import Receipt, delivered
from app.monitor.sensitive import sensitive_names
from app.monitor.service import Service
from app.storage.deltas import Delta
from app.storage.ledger import Delivery
from app.wire.table import Table
from app.wire.values import categorical, numeric


def placed(service: Service, watched: Watched, parcel: Shipment, table: Table, *, now_us: int) -> Arrival:
    """Find out which rows of a table count, and where; Refused when they are too many."""
    if table.received > service.policy.max_rows:
        raise Refused(
            "too-many-rows",
            f"a batch may hold {service.policy.max_rows} rows, this one has {table.received}",
            extra={"limit": service.policy.max_rows, "actual": table.received},
        )
    return arrive(
        table,
        watched.configuration.clockwork(),
        now_us=_judged_us(service, parcel, now_us),
        version=parcel.version,
        backfill=parcel.backfill,
        at_us=parcel.at_us,
    )


def binned(  # noqa: PLR0913 - one delivery depends on all of them
    service: Service,
    watched: Watched,
    baseline: Baseline,
    *,
    parcel: Shipment,
    table: Table,
    arrival: Arrival,
    now_us: int,
) -> Delivery:
    """Count the rows that count; `baseline` is the one in force."""
    deltas, number = _deltas(service, watched, table, arrival=arrival, roles=parcel.roles)
    receipt = Receipt.of(
        parcel.batch_id, table, arrival, ignored=_ignored(watched, baseline, table), baseline=number, now_us=now_us
    )
    sampled = service.reservoirs.offered(watched, table, arrival, batch_id=parcel.batch_id)
    return delivered(watched, parcel, receipt, deltas=deltas, sampled=sampled)


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


def _judged_us(service: Service, parcel: Shipment, now_us: int) -> int:
    """Give the time by which rows are late or not: when they came, as far as the memory of batch ids allows."""
    return now_us if parcel.received_us is None else max(parcel.received_us, now_us - service.policy.ledger_margin_us)


def _ignored(watched: Watched, baseline: Baseline, table: Table) -> list[str]:
    """List the columns that are no feature of the baseline in force and steer nothing."""
    known = baseline.kinds
    steering = (watched.configuration.time_column, watched.configuration.version_column)
    return sorted(name for name in table.columns if name not in known and name not in steering)


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
        rows, window = _of_windows(mine, arrival, membership)
        baseline = service.catalog.baseline(baseline_id)
        block = table.block
        columns = columns_of(table, baseline.kinds, block=block, words=baseline.words)
        if len(rows) != table.rows:
            columns = {name: column.take(rows) for name, column in columns.items()}
            block = None if block is None else block.take(rows)
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


def _of_windows(
    mine: NDArray[np.bool_], arrival: Arrival, membership: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the accepted rows in windows of one baseline, and which of those each is in."""
    if mine.all():
        return arrival.rows, membership
    chosen = mine[membership]
    return arrival.rows[chosen], (np.cumsum(mine) - 1)[membership[chosen]]


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
