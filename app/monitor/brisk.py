"""Plain rows, counted on the event loop that received them: no other thread wants Python's lock meanwhile.

Only what takes a few milliseconds is done there; what does not is left to the road of other batches, which counts the
same.
"""

from collections.abc import Generator
from typing import Final

from app import failpoints
from app.monitor.arrival import Arrival
from app.monitor.binned import binned, placed
from app.monitor.catalog import Watched
from app.monitor.opening import opening
from app.monitor.parcel import Parcel, Shipment
from app.monitor.service import Service
from app.storage.ledger import Delivery
from app.wire.brisk import BOUNDS, brisk_table, is_large
from app.wire.envelope import opened
from app.wire.table import Table

WINDOWS: Final = 4
VERSIONS: Final = 4


def delivery(service: Service, watched: Watched, parcel: Shipment) -> Generator[None, object, Delivery | None]:
    """Count plain rows, and yield before what takes long after all; returns None for rows that are not plain."""
    now_us = service.now_us()
    baseline = service.catalog.baseline(watched.activation(now_us).baseline_id)
    failpoints.hit("ingest.before_decode")
    table = _read(service, watched, parcel)
    if table is None:
        return None
    service.decodes.passed(len(getattr(parcel, "body", b"")))
    if is_large(table):
        yield None
    if isinstance(parcel, Parcel):
        table = opened(table, opening(watched))
    elif table.rows * sum(name in table.columns for name in baseline.words) > BOUNDS.others:
        yield None  # numbers that have to be spelled
    arrival = placed(service, watched, parcel, table, now_us=now_us)
    narrow = _is_narrow(arrival, watched.configuration.window)
    if not narrow or (watched.sampled and service.reservoirs.want_all(watched.id, arrival)):
        yield None
    return binned(service, watched, baseline, parcel=parcel, table=table, arrival=arrival, now_us=now_us)


def _read(service: Service, watched: Watched, parcel: Shipment) -> Table | None:
    """Read plain rows; of others than batches all are."""
    if not isinstance(parcel, Parcel):
        return parcel.table(watched)
    if parcel.kind is None or watched.configuration.envelope:
        return None
    return brisk_table(parcel.body, parcel.kind, row_count=parcel.row_count, most=service.policy.max_rows)


def _is_narrow(arrival: Arrival, window_us: int) -> bool:
    """Tell whether the rows touch few windows and versions."""
    spread = int(arrival.starts.max() - arrival.starts.min()) if len(arrival.starts) else 0
    return len(arrival.versions) <= VERSIONS and spread < WINDOWS * window_us
