"""A few plain rows, counted one value after the other: for a handful, arrays cost a hundred times their work.

Whatever is odd in them, and be it one value, is left to the road of large batches, which counts the same.
"""

from array import array
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any, Final

from app.drift.baseline import Baseline
from app.drift.windows import window_start
from app.monitor.arrival import DEFAULT_VERSION, oldest
from app.monitor.catalog import Watched
from app.monitor.parcel import Parcel
from app.monitor.receipt import Receipt, delivered
from app.monitor.sampling import Reservoirs
from app.monitor.service import Service
from app.monitor.slots import Slots
from app.storage.deltas import Marks
from app.storage.ledger import Delivery
from app.wire.handful import LARGEST, MOST_ROWS, plain_rows
from app.wire.instant import plain_instant
from app.wire.names import lawful

__all__ = ["LARGEST", "delivery"]

_TELLING: Final = frozenset({"features", "prediction", "date", "\0time"})
"""Names that may steer how rows are read."""


@dataclass(slots=True)
class _Sheet:
    """The rows of one window and version."""

    places: "array[int]"
    values: "array[float]"
    rows: list[int]


def delivery(service: Service, watched: Watched, baseline: Baseline, *, parcel: Parcel, now_us: int) -> Delivery | None:
    """Count a body that holds a few rows with nothing odd about them; None when it is not that."""
    rows = plain_rows(parcel.body, parcel.content_type) if _is_plain(watched, parcel) else None
    if rows is None or len(rows) > min(MOST_ROWS, service.policy.max_rows, service.policy.max_windows):
        return None
    told = parcel.row_count
    counted = _Counted(watched, baseline, parcel=parcel, now_us=now_us)
    if (told is not None and told != len(rows)) or not all(map(counted.take, rows)):
        return None
    if watched.sampled and counted.may_be_sampled(service.reservoirs):
        return None
    receipt = counted.receipt(len(rows))
    return delivered(watched, parcel, receipt, deltas=counted.deltas(), sampled=())


def _is_plain(watched: Watched, parcel: Parcel) -> bool:
    return not (
        watched.configuration.envelope
        or parcel.shipped
        or parcel.roles is not None
        or parcel.at_us is not None
        or parcel.received_us is not None
    )


class _Counted:
    """Rows as they are taken in, one by one."""

    def __init__(self, watched: Watched, baseline: Baseline, *, parcel: Parcel, now_us: int) -> None:
        settings = watched.configuration
        self._watched = watched
        self._settings = settings
        self._parcel = parcel
        self._slots = Slots.of(baseline)
        self._activation = watched.activation(now_us)
        self._now_us = now_us
        self._oldest_us = oldest(now_us, settings.late_horizon, backfill=parcel.backfill)
        self._newest_us = now_us + settings.future_tolerance
        self._sheets: dict[tuple[int, str], _Sheet] = {}
        self._ignored: set[str] = set()
        self._late = self._future = self._untimed = 0
        self._taken = -1

    def take(self, row: dict[str, Any]) -> bool:
        """Take a row in; False when it needs a closer look."""
        self._taken += 1
        at_us, version = self._now_us, self._parcel.version or DEFAULT_VERSION
        said = row.get(self._settings.time_column)
        if said is not None:
            read = plain_instant(said)
            if read is None:
                return False
            at_us = read
        if self._settings.version_column is not None:
            named = row.get(self._settings.version_column, version)
            if type(named) is not str or not _lawful(named):
                return False
            version = named
        places, values = self._slots.nulls[:], self._slots.zeros[:]
        if not (_TELLING.isdisjoint(row) or self._are_features(row)) or not self._place(row, places, values):
            return False
        if at_us < self._oldest_us:
            self._late += 1
        elif at_us > self._newest_us:
            self._future += 1
        else:
            self._untimed += said is None
            return self._add(window_start(at_us, self._settings.window), version, places=places, values=values)
        return True

    def _are_features(self, row: dict[str, Any]) -> bool:
        """Tell whether the names in a row that might steer are only those of features."""
        told = [name for name in _TELLING if name in row]
        features = {feature.name for feature in self._watched.model.features}
        return features.issuperset(told) and not any(isinstance(row[name], dict) for name in told)

    def _place(self, row: dict[str, Any], places: "array[int]", values: "array[float]") -> bool:
        """Find the bin of each value; False when one is odd."""
        numbers = self._slots.numbers
        for name, value in row.items():
            slot = numbers.get(name)
            if slot is None:
                if not self._place_word(name, value, places):
                    return False
            elif value is not None:
                if type(value) is not float and type(value) is not int:
                    return False
                number = float(value)
                if not isfinite(number):
                    return False
                f, first, cuts = slot
                places[f] = first + bisect_left(cuts, number)
                values[f] = number
        return True

    def _place_word(self, name: str, value: object, places: "array[int]") -> bool:
        """Find the bin of a category, or note a name that is no feature's."""
        slot = self._slots.words.get(name)
        if slot is None:
            if name not in {self._settings.time_column, self._settings.version_column}:
                self._ignored.add(name)
        elif value is not None:
            f, categories = slot
            place = categories.get(value) if isinstance(value, str) else None
            if place is None:
                return False
            places[f] = place
        return True

    def _add(self, start_us: int, version: str, *, places: "array[int]", values: "array[float]") -> bool:
        sheet = self._sheets.get((start_us, version))
        if sheet is None:
            if self._watched.activation(start_us).number != self._activation.number:
                return False
            self._sheets[start_us, version] = _Sheet(places, values, [self._taken])
        else:
            sheet.places += places
            sheet.values += values
            sheet.rows.append(self._taken)
        return True

    def may_be_sampled(self, reservoirs: Reservoirs) -> bool:
        """Tell whether a row belongs into a sample, as few do once a window has enough."""
        return any(
            reservoirs.wants((self._watched.id, version, start_us), self._parcel.batch_id, sheet.rows)
            for (start_us, version), sheet in self._sheets.items()
        )

    def deltas(self) -> tuple[Marks, ...]:
        """Give what each window is to add."""
        return tuple(
            Marks(
                baseline_id=self._activation.baseline_id,
                version=version,
                window_start_us=start_us,
                rows=len(sheet.rows),
                bins=self._slots.bins,
                places=sheet.places.tobytes(),
                values=sheet.values.tobytes(),
            )
            for (start_us, version), sheet in self._sheets.items()
        )

    def receipt(self, received: int) -> Receipt:
        """Sum it up for the sender."""
        windows: dict[int, int] = {}
        for (start_us, _), sheet in self._sheets.items():
            windows[start_us] = windows.get(start_us, 0) + len(sheet.rows)
        return Receipt(
            batch_id=self._parcel.batch_id,
            received=received,
            accepted=sum(windows.values()),
            late=self._late,
            future=self._future,
            rejected=0,
            rejections=(),
            ignored=tuple(sorted(self._ignored)),
            windows=tuple(sorted(windows.items())),
            baseline=self._activation.number,
            untimed=self._untimed,
            ambiguous=0,
            server_time_us=self._now_us,
        )


@lru_cache(maxsize=256)
def _lawful(version: str) -> bool:
    return lawful(version)
