"""A shifted clock, asked of all features at once: how much better the shares of other hours explain the windows.

An hour more or less changes the shares of a window by less than a window can tell. But all features with a daily
rhythm are shifted by the same hours, and so are all windows: the log-likelihood ratios of one shift against none add
up. The rhythm is a Fourier series of the day, whose harmonics are filtered by how far they stand out of the noise of
the counts (Wiener 1949), so that a shift by a part of a window needs no counts of parts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.comparison import Comparison
from app.drift.context import DAY_US, HOUR_US, WEEK_US, Grid
from app.drift.layout import Bools, Floats, Ints, Layout
from app.drift.sums import down

SHIFTS: Final = tuple(hours for hour in range(1, 13) for hours in (hour, -hour))[:-1]
"""Hours by which windows may come too early; twelve too early are twelve too late."""
MOST: Final = 24
"""Features that are asked: those with the clearest rhythm."""
_HOURS: Final = 24.0
_LEAST_SLOTS: Final = 4
_SMALL: Final = 0.01
"""A shift that moves fewer shares than that is not worth a page."""
_SPANS_US: Final = (1, 6 * HOUR_US, DAY_US, WEEK_US)
"""How long the reference's own sums are that may not vary more than independent windows do."""
_LN_10: Final = float(np.log(10.0))


@dataclass(frozen=True, slots=True)
class Hours:
    """The daily rhythm of K features, the clearest first, and what H shifts show on ordinary windows.

    `which`, (K,), are the features and `offsets`, (K + 1,), their places among B bins. `waves`, (2, 2 x harmonics, B),
    are cosines and sines of weekdays and of weekends; `large`, (H, 2 x slots a day, K), tells which shifts move enough,
    and lead to hours that have rows. `bias`, (H,), is the ratio of a window's two terms on ordinary windows, `spread`,
    (H,), how much more than they say their sums vary; `gap` and `unrest` are mean and standard deviation of the squared
    z of all K features together.
    """

    which: Ints
    offsets: Ints
    waves: NDArray[np.float32]
    large: Bools
    bias: Floats
    spread: Floats
    gap: float
    unrest: float

    @classmethod
    def none(cls) -> "Hours":
        """No rhythm that a shift would show in."""
        whole = np.zeros(0, dtype=np.int64)
        shifts = len(SHIFTS)
        waves = np.zeros((2, 0, 0), dtype=np.float32)
        large = np.zeros((shifts, 0, 0), dtype=np.bool_)
        return cls(whole, whole, waves, large, np.zeros(shifts), np.ones(shifts), 0.0, 1.0)

    def moves(self, k: int, cell: int) -> Floats:
        """How the shares of a feature in a cell change with each shift, (H, bins)."""
        low, high = int(self.offsets[k]), int(self.offsets[k + 1])
        day = self.large.shape[1] // 2
        found = _steps(day)[cell % day] @ self.waves[cell // day, :, low:high].astype(np.float64)
        return np.where(self.large[:, cell, k, None], found, 0.0)

    def ratios(self, along: Floats, size: Floats) -> Floats:
        """Log-likelihood ratios of the shifts, decimal, (W, H), from the two terms of windows."""
        return (along - (self.bias + 0.5) * size) / (_LN_10 * self.spread)


@dataclass(frozen=True, slots=True)
class Asked:
    """The reference of one feature: counts of its accepted windows, (W, bins), compared with what is left of others.

    `variance`, (W, bins), is that of the shares, `known`, (W,), says which windows are judged; `sampling`, (bins,), is
    as in a calibration.
    """

    feature: int
    counts: NDArray[np.integer]
    seen: Comparison
    variance: Floats
    known: Bools
    sampling: Floats


def usable(grid: Grid) -> bool:
    """Tell whether windows are short enough to show an hour."""
    return DAY_US % grid.slot_us == 0 and DAY_US // grid.slot_us >= _LEAST_SLOTS


def cell_of(starts: Ints, *, grid: Grid) -> Ints:
    """The slot of the day of each window, (W,), those of weekends after those of weekdays."""
    cells, first = grid.cells()
    return np.asarray((cells[1] - first[1])[grid.slot(starts)])


def clarity(sums: Floats, *, layout: Layout, sampling: Floats, lasting: Floats, rows: Floats) -> Floats:
    """How clear the daily rhythm of features is, (F,), whose counts by cell are (cells, total).

    `rows`, (F,), are those of an ordinary window.
    """
    found, whole = _waves(sums, layout=layout, sampling=sampling)
    variance = whole * (1.0 - whole) * (sampling / np.repeat(np.maximum(rows, 1.0), layout.sizes) + lasting)
    power = (found * found).sum(axis=(0, 1)) / np.where(variance > 0, variance, np.inf)
    return np.add.reduceat(power, layout.offsets[:-1])


def terms(seen: Comparison, variance: Floats, *, moves: Floats, known: Bools) -> tuple[Floats, Floats, Floats]:
    """Of windows whose shares move by `moves`, (W or 1, H, bins): along and size, (W, H), and squared z, (W,).

    The log-likelihood ratio of a shift is the first less half of the second.
    """
    weight = np.where(known[:, None], 1.0 / variance, 0.0)
    gap = seen.p - seen.q
    along = np.matmul(moves, (gap * weight)[:, :, None])[:, :, 0]
    size = np.matmul(moves * moves, weight[:, :, None])[:, :, 0]
    return along, size, (gap * gap * weight).sum(axis=1)


def fit(asked: Iterable[Asked], *, layout: Layout, starts: Ints, block: Ints, grid: Grid) -> Hours:
    """Fit to the reference, whose windows begin at `starts` and are left out by `block`, both (W,)."""
    cell, day = cell_of(starts, grid=grid), DAY_US // grid.slot_us
    shape = (len(starts), len(SHIFTS))
    along, size, squares = np.zeros(shape), np.zeros(shape), np.zeros(len(starts))
    which, waves, large = [], [], []
    for one in asked:
        part = layout.part(one.feature, one.feature + 1)
        whole = _by_cell(one.counts, cell, day=day)
        which.append(one.feature)
        for left in np.unique(block).tolist():
            mine = np.flatnonzero(block == left)
            rest = whole - _by_cell(one.counts[mine], cell[mine], day=day)
            found, _ = _waves(rest, layout=part, sampling=one.sampling)
            moves = _every(found, rest.sum(axis=1) > 0, day=day)
            seen = _picked(one.seen, mine)
            a, b, c = terms(seen, one.variance[mine], moves=moves[cell[mine]], known=one.known[mine])
            along[mine] += a
            size[mine] += b
            squares[mine] += c
        found, _ = _waves(whole, layout=part, sampling=one.sampling)
        waves.append(found)
        large.append((_every(found, whole.sum(axis=1) > 0, day=day) != 0).any(axis=2).T)
    if not which:
        return Hours.none()
    total = down(size)
    safe = np.where(total > 0, total, 1.0)
    bias = np.maximum(down(along) / safe, 0.0)
    centred = along - bias * size
    spread = np.ones(len(SHIFTS))
    for span in _SPANS_US:
        first = np.flatnonzero(np.diff(starts // span, prepend=-1) != 0)
        sums = np.add.reduceat(centred, first, axis=0)
        spread = np.maximum(spread, down(sums * sums) / safe)
    sizes = layout.sizes[which]
    told = squares[squares > 0]
    return Hours(
        which=np.array(which, dtype=np.int64),
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        waves=np.concatenate(waves, axis=2).astype(np.float32),
        large=np.stack(large, axis=2),
        bias=bias,
        spread=spread,
        gap=float(told.mean()) if len(told) else 0.0,
        unrest=max(float(told.std()), 1.0) if len(told) else 1.0,
    )


def _picked(seen: Comparison, which: Ints) -> Comparison:
    return Comparison(seen.p[which], seen.q[which], seen.v[which], seen.n[which], seen.m[which], seen.e[which])


def _by_cell(counts: NDArray[np.integer], cell: Ints, *, day: int) -> Floats:
    here = np.arange(2 * day)[:, None] == cell
    return np.asarray(here.astype(np.float64) @ counts.astype(np.float64))


def _waves(sums: Floats, *, layout: Layout, sampling: Floats) -> tuple[Floats, Floats]:
    """Filtered cosines and sines of counts by cell, (cells, B), as (2, 2 x harmonics, B); and mean shares, (B,)."""
    day = len(sums) // 2
    rows = np.add.reduceat(sums, layout.offsets[:-1], axis=1)
    m = np.repeat(np.maximum(rows, 1.0), layout.sizes, axis=1)
    shares = sums / m
    found = np.zeros((2, 2 * (day // 2), sums.shape[1]))
    whole = sums.sum(axis=0) / np.maximum(np.repeat(rows.sum(axis=0), layout.sizes), 1.0)
    scale = np.full(day // 2, 2.0 / day)
    scale[-1] = 1.0 / day if day % 2 == 0 else scale[-1]
    for kind in range(2):
        here = slice(kind * day, (kind + 1) * day)
        full = np.repeat(rows[here] > 0, layout.sizes, axis=1)
        mean = sums[here].sum(axis=0) / np.maximum(np.repeat(rows[here].sum(axis=0), layout.sizes), 1.0)
        variance = mean * (1.0 - mean)
        unit = np.where(variance > 0, variance, np.inf)
        harmonics = np.fft.rfft(np.where(full, shares[here], mean), axis=0)[1:]
        noise = np.where(full & (variance > 0), np.maximum(sampling, 1.0) / m[here], 0.0).sum(axis=0)
        power = np.add.reduceat(np.abs(harmonics) ** 2 / unit, layout.offsets[:-1], axis=1)
        chance = np.add.reduceat(noise, layout.offsets[:-1])
        kept = np.clip(1.0 - chance / np.where(power > 0, power, 1.0), 0.0, 1.0) * (power > 0)
        harmonics *= np.repeat(kept, layout.sizes, axis=1) * scale[:, None]
        found[kind] = np.concatenate([harmonics.real, -harmonics.imag])
    return found, whole


def _basis(slot: Floats, *, day: int) -> Floats:
    turns = 2.0 * np.pi / day * np.outer(slot, np.arange(1, day // 2 + 1))
    return np.concatenate([np.cos(turns), np.sin(turns)], axis=1)


@lru_cache(maxsize=8)
def _steps(day: int) -> Floats:
    """What each shift makes of the waves in each slot of the day, (slots, H, 2 x harmonics)."""
    slot = np.arange(day, dtype=np.float64)[:, None]
    later = slot + np.array(SHIFTS) * (day / _HOURS)
    out = (_basis(later.ravel(), day=day) - np.repeat(_basis(slot.ravel(), day=day), len(SHIFTS), axis=0)).reshape(
        day, len(SHIFTS), -1
    )
    out.setflags(write=False)
    return out


def _every(waves: Floats, full: Bools, *, day: int) -> Floats:
    """The moves of all cells, (cells, H, bins), none to or from hours without rows, nor where little moves at all."""
    moves = np.concatenate([_steps(day) @ waves[kind] for kind in range(2)])
    steps = np.rint(np.array(SHIFTS) * (day / _HOURS)).astype(np.int64)
    slot = np.arange(day)
    leads = [full[kind * day + (slot[:, None] + steps) % day] & full[kind * day + slot][:, None] for kind in range(2)]
    moves *= np.concatenate(leads)[:, :, None]
    moved = 0.5 * np.abs(moves).sum(axis=2)
    weight = np.maximum(full.sum(), 1)
    moves *= (moved.sum(axis=0) / weight >= _SMALL)[None, :, None]
    return moves
