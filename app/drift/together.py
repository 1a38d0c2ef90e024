"""Samples of many numeric features at once, as long as they are samples of the same rows."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from app.drift.columns import Block, Column, NumericColumn
from app.drift.sample import EVERYTHING, SLACK, Doubles, Hashes, NumericSample

Mask = NDArray[np.bool_]


class Together:
    """Features that had a finite value in every row so far; one that misses one goes on by itself.

    The rows with the smallest hashes are then the same for all, and are found once.
    """

    def __init__(self, samples: Mapping[str, NumericSample], *, cap: int) -> None:
        """Fill the samples, each of at most `cap` values, of features by name."""
        self._samples = dict(samples)
        self._cap = cap
        self._step = max(1, cap // SLACK)
        self._store = np.empty((len(self._samples), cap + self._step))
        self._hashes = np.empty(cap + self._step, dtype=np.uint64)
        self._places = np.arange(len(self._samples))
        self._held = 0
        self._bound = EVERYTHING

    def __contains__(self, name: str) -> bool:
        return name in self._samples

    def add(self, columns: Mapping[str, Column], hashes: Hashes, *, block: Block | None) -> None:
        """Take more rows, at least one; features without a finite value in each of them leave first."""
        if not self._samples:
            return
        values, whole = _beside(list(self._samples), columns, block, rows=len(hashes))
        if not whole.all():
            self.leave([name for name, stays in zip(self._samples, whole, strict=True) if not stays])
            values = values[whole]
        for sample, own in zip(self._samples.values(), values, strict=True):
            sample.see(own)
        for start in range(0, len(hashes), self._step):
            some = slice(start, start + self._step)
            self._take(values[:, some], hashes[some])

    def _take(self, values: Doubles, hashes: Hashes) -> None:
        low = np.flatnonzero(hashes <= self._bound)
        if self._held + len(low) > len(self._hashes):
            self._prune()
            low = np.flatnonzero(hashes <= self._bound)
        room = slice(self._held, self._held + len(low))
        self._hashes[room] = hashes[low]
        taken = values if len(low) == len(hashes) else values.take(low, axis=1)
        for place, own in zip(self._places.tolist(), taken, strict=True):
            np.add(own, 0.0, out=self._store[place, room])
        self._held = room.stop

    def _prune(self) -> None:
        """Drop all but the rows with the smallest hashes."""
        kept = np.sort(np.argpartition(self._hashes[: self._held], self._cap - 1)[: self._cap])
        self._hashes[: self._cap] = self._hashes[kept]
        for place in self._places:
            self._store[place, : self._cap] = self._store[place].take(kept)
        self._held = self._cap
        self._bound = self._hashes[: self._cap].max()

    def leave(self, names: list[str] | None = None) -> None:
        """Let features, or all of them, go on by themselves with what was sampled of them."""
        gone = set(self._samples if names is None else names)
        held = slice(0, self._held)
        for (name, sample), place in zip(self._samples.items(), self._places.tolist(), strict=True):
            if name in gone:
                values = self._store[place, held]
                sample.adopt(values if names is None else values.copy(), self._hashes[held].copy(), bound=self._bound)
        self._places = self._places[[name not in gone for name in self._samples]]
        self._samples = {name: sample for name, sample in self._samples.items() if name not in gone}
        if not self._samples:
            self._store = self._store[:0]


def _beside(names: list[str], columns: Mapping[str, Column], block: Block | None, *, rows: int) -> tuple[Doubles, Mask]:
    """Give the values of features, shape (features, rows), and which of them are finite in every row."""
    places = [-1 if block is None else block.places.get(name, -1) for name in names]
    whole = np.ones(len(names), np.bool_)
    if block is not None and min(places) >= 0:
        run = places == list(range(places[0], places[0] + len(places)))
        values = block.values[places[0] : places[0] + len(places)] if run else block.values[places]
    else:
        values = np.zeros((len(names), rows))
        for f, name in enumerate(names):
            column = columns.get(name)
            if column is None and block is not None:
                column = block.column(name)
            whole[f] = isinstance(column, NumericColumn) and column.state is None
            if isinstance(column, NumericColumn):
                values[f] = column.values
    with np.errstate(over="ignore", invalid="ignore"):
        doubtful = np.flatnonzero(~np.isfinite(values.sum(axis=1)) & whole)
    for f in doubtful.tolist():
        whole[f] = np.isfinite(values[f]).all()
    return values, whole
