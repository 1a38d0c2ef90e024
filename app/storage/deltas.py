"""What batches add to windows, and the sum of what a group of them adds to one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.storage.codec import Payload

_OVERHEAD: Final = 1024
"""What a delta costs besides its bytes: writing down many small ones takes as long as few large ones."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What one batch adds to one window: counts of shape (bins,), sums of shape (features,), novelties as bytes."""

    baseline_id: int
    version: str
    window_start_us: int
    rows: int
    counts: NDArray[np.int64]
    sums: NDArray[np.float64]
    novelties: bytes = b""

    @property
    def nbytes(self) -> int:
        """Memory it holds."""
        return _OVERHEAD + self.counts.nbytes + self.sums.nbytes + len(self.novelties)


@dataclass(frozen=True, slots=True)
class Marks:
    """What a few rows add to one window of so many bins: each row's bin of each feature, and each row's finite values.

    `places` are int32 of shape (rows, features), `values` doubles of the same shape, both as bytes.
    """

    baseline_id: int
    version: str
    window_start_us: int
    rows: int
    bins: int
    places: bytes
    values: bytes
    novelties: bytes = b""

    @property
    def nbytes(self) -> int:
        """Memory it holds, and some for the counts of all bins that are made of it."""
        return _OVERHEAD + len(self.places) + len(self.values) + len(self.novelties) + self.bins // 2


def summed(deltas: Sequence[Delta | Marks]) -> Payload:
    """Add up what several batches bring to one window; ValueError unless bins and features agree."""
    first = deltas[0]
    if len(deltas) == 1 and isinstance(first, Delta):
        return Payload(first.rows, first.counts, first.sums)
    marks = [delta for delta in deltas if isinstance(delta, Marks)]
    whole = [delta for delta in deltas if isinstance(delta, Delta)]
    with np.errstate(over="ignore", invalid="ignore"):
        if marks:
            counts, sums = _marked(marks)
        else:
            counts, sums = np.zeros_like(whole[0].counts), np.zeros_like(whole[0].sums)
        for delta in whole:
            if delta.counts.shape != counts.shape or delta.sums.shape != sums.shape:
                raise ValueError("deltas of different bins")
            counts += delta.counts
            sums += delta.sums
    return Payload(sum(delta.rows for delta in deltas), counts, sums)


def _marked(marks: Sequence[Marks]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    places = np.frombuffer(b"".join([mark.places for mark in marks]), np.int32)
    values = np.frombuffer(b"".join([mark.values for mark in marks]), np.float64)
    counts = np.bincount(places, minlength=marks[0].bins)
    if len(counts) != marks[0].bins or any(mark.bins != len(counts) for mark in marks):
        raise ValueError("marks of different bins")
    return counts, values.reshape(sum(mark.rows for mark in marks), -1).sum(axis=0)
