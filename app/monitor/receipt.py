"""What a sender is told about its batch."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from app.monitor.arrival import Arrival
from app.monitor.catalog import Watched
from app.monitor.instants import instant_text
from app.monitor.parcel import Shipment
from app.storage.deltas import Delta, Marks
from app.storage.ledger import Delivery
from app.storage.reservoirs import Part
from app.wire.table import Rejection, Table

SAMPLED_NAMES = 10
SHOWN_LETTERS = 1024


@dataclass(frozen=True, slots=True)
class Receipt:
    """The counts of one batch, as stored and answered."""

    batch_id: str
    received: int
    accepted: int
    late: int
    future: int
    rejected: int
    rejections: tuple[Rejection, ...]
    ignored: tuple[str, ...]
    windows: tuple[tuple[int, int], ...]
    baseline: int
    untimed: int
    ambiguous: int
    server_time_us: int

    @classmethod
    def of(  # noqa: PLR0913 - a receipt tells all of it
        cls, batch_id: str, table: Table, arrival: Arrival, *, ignored: list[str], baseline: int, now_us: int
    ) -> "Receipt":
        """Sum up an arrival."""
        return cls(
            batch_id=batch_id,
            received=table.received,
            accepted=len(arrival.rows),
            late=arrival.late,
            future=arrival.future,
            rejected=arrival.rejected,
            rejections=arrival.rejections,
            ignored=tuple(ignored),
            windows=_windows(arrival.starts),
            baseline=baseline,
            untimed=arrival.untimed,
            ambiguous=arrival.ambiguous,
            server_time_us=now_us,
        )

    def text(self) -> str:
        """Write the receipt as it is stored."""
        said = {
            "batch_id": self.batch_id,
            "duplicate": False,
            "rows": {
                "received": self.received,
                "accepted": self.accepted,
                "late": self.late,
                "future": self.future,
                "rejected": self.rejected,
            },
            "rejections": [{"row": one.row, "reason": one.reason} for one in self.rejections],
            "ignored_features": {"count": len(self.ignored), "sample": self._sample()},
            "windows": [{"start": instant_text(start), "rows": rows} for start, rows in self.windows],
            "baseline": self.baseline,
            "untimed": self.untimed,
            "ambiguous": self.ambiguous,
            "server_time": instant_text(self.server_time_us),
        }
        try:
            return orjson.dumps(said).decode()
        except TypeError:  # an integer of more than 64 bits, or text that is no Unicode
            return json.dumps(said, ensure_ascii=False, separators=(",", ":"))

    def _sample(self) -> list[str]:
        return [name[:SHOWN_LETTERS] for name in self.ignored[:SAMPLED_NAMES]]


def delivered(
    watched: Watched,
    parcel: Shipment,
    receipt: Receipt,
    *,
    deltas: tuple[Delta | Marks, ...],
    sampled: tuple[Part, ...],
) -> Delivery:
    """Put a batch together for its commit: what it adds, and what its sender will be told."""
    return Delivery(
        model_id=watched.id,
        model_revision=watched.model.revision,
        batch_id=parcel.batch_id,
        fingerprint=parcel.fingerprint(),
        receipt=receipt.text(),
        received_us=receipt.server_time_us,
        rows_accepted=receipt.accepted,
        rows_late=receipt.late,
        rows_future=receipt.future,
        rows_rejected=receipt.rejected,
        deltas=deltas,
        backfill=parcel.backfill,
        sampled=sampled,
    )


def _windows(starts: NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    """Count the rows of each window, ascending."""
    if len(starts) and (starts == starts[0]).all():
        return ((int(starts[0]), len(starts)),)
    found, rows = np.unique(starts, return_counts=True)
    return tuple(zip(found.tolist(), rows.tolist(), strict=True))


def as_duplicate(text: str) -> dict[str, Any]:
    """Turn a stored receipt into the answer to a repeated delivery."""
    receipt: dict[str, Any] = json.loads(text)
    receipt["duplicate"] = True
    return receipt
