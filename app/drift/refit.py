"""Fit a calibration to a reference, a few features at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.drift import distance, excursions, hours, volume, wobble
from app.drift.calibration import Calibration
from app.drift.cells import Cells, blocks, cells_of, leaning
from app.drift.comparison import Comparison, compare, variance
from app.drift.context import Grid, Level
from app.drift.hours import Asked
from app.drift.joint import joined
from app.drift.laws import Scored, laws
from app.drift.layout import ABSENT, Bools, Floats, Ints, Layout
from app.drift.sums import down
from app.drift.tail import LEAST_LOG
from app.drift.trailing import Trailing
from app.drift.turnover import forgiven

CHUNK: Final = 200_000
"""Window-bins worked on at once: what a cache holds, and what bounds the memory."""
_LEAST_LIVE: Final = 30
_SMALL: Final = 2**31
"""Counts whose sum is below this fit into half the memory."""
_LARGE: Final = 2**32
_BATCH_SHARE: Final = 2
"""Scores have no bins: the laws of this many fewer features than there are bins in a chunk are fitted at once."""
TURNOVER: Final = 2.0
"""Categories come and go: live windows hold about twice the unseen rows that singletons alone promise."""


def special_bins(layout: Layout) -> tuple[Ints, Ints, Ints]:
    """The positions of null, unseen and invalid."""
    return layout.null, layout.unseen, layout.invalid


def lift(z: Floats) -> Floats:
    """Log score of a share that should not rise: twice the logarithm of a positive z."""
    return np.asarray(2.0 * np.log(np.maximum(z, np.exp(0.5 * LEAST_LOG))))


def score_of(z: Floats, *, layout: Layout) -> Floats:
    """Score of a window, (W, F), in the unit of a mean square: the root of the mean z^4 over the bins of a feature.

    Between the mean square, which one broken bin hardly moves, and the largest, which sees no more than one.
    """
    fourth = z * z
    fourth *= fourth
    return np.asarray(np.sqrt(np.add.reduceat(fourth, layout.offsets[:-1], axis=1) / layout.sizes))


def expected_psi(layout: Layout, n: Floats, *, inside: Floats) -> Floats:
    """Mean PSI of independent rows against the baseline, (W, F): (groups - 1)(1/n + 1/N)."""
    first = np.searchsorted(layout.group_starts, layout.offsets[:-1])
    filled = np.add.reduceat(layout.baseline, layout.group_starts) > 0
    groups = np.maximum(np.add.reduceat(filled.astype(np.int64), first), 2)
    rows = np.add.reduceat(layout.baseline, layout.offsets[:-1])[None, :] - inside
    both = (n > 0) & (rows > 0)
    e = 1.0 / np.where(n > 0, n, 1.0) + 1.0 / np.where(rows > 0, rows, 1.0)
    return np.where(both, (groups - 1) * e, np.nan)


def refit(layout: Layout, reference: Trailing, *, grid: Grid, min_rows: int = 30, chunk: int = CHUNK) -> Calibration:
    """Fit every feature by itself; the chunk changes the memory, never a digit."""
    slots = grid.slot(reference.starts)
    lean = leaning(grid, starts=reference.starts, slots=slots)
    everyone = np.ones(len(reference), dtype=np.bool_)
    accepted = everyone if reference.volume_accepted is None else reference.volume_accepted
    rows = volume.fit(reference.rows, reference.starts, accepted=accepted, grid=grid)
    sums = np.zeros((int(grid.cells()[1][-1]), int(layout.offsets[-1])), dtype=np.uint16)
    per = max(chunk // max(len(reference), 1), 1)
    batch = max(chunk // _BATCH_SHARE // max(len(reference), 1), 1)
    parts: list[Calibration] = []
    p: list[NDArray[np.float32]] = []
    clear: list[Floats] = []
    waiting: list[Scored] = []
    first = 0
    while first < layout.features:
        last = int(np.searchsorted(layout.offsets, layout.offsets[first] + per, side="right")) - 1
        last = min(max(last, first + 1), layout.features)
        left = _left_out(layout, reference, first=first, last=last, slots=slots, grid=grid, least=min_rows)
        part, held = _scored(left, own=reference.own)
        clear.append(_clarity(left, part, grid=grid))
        sums = sums.astype(np.promote_types(sums.dtype, held.dtype), copy=False)
        used = np.unique(part.row_of)  # what is never written takes no memory
        sums[used, layout.offsets[first] : layout.offsets[last]] = held[used]
        waiting.append(part)
        first = last
        if first == layout.features or sum(each.judged.shape[1] for each in waiting) >= batch:
            fitted, own = laws(waiting, starts=reference.starts, grid=grid, volume=rows, lean=lean, least=min_rows)
            parts.append(fitted)
            p.append(own)
            waiting = []
    whole = joined(parts, sums)
    pace = excursions.pace(np.concatenate(p, axis=1), whole.tau[0], index=reference.starts // grid.length_us)
    asked = _asked(layout, reference, whole, clear=np.concatenate(clear), slots=slots, grid=grid)
    rhythm = hours.fit(asked, layout=layout, starts=reference.starts, block=blocks(reference.starts), grid=grid)
    return replace(whole, tau=np.concatenate([pace[None], whole.tau[1:]]), hours=rhythm)


@dataclass(frozen=True, slots=True)
class _LeftOut:
    """Reference windows of some features beside what their cells hold without them: counts (W, B), n and own (W, F)."""

    layout: Layout
    counts: NDArray[Any]
    x: Floats
    n: Floats
    own: Floats
    judged: Bools
    row: Ints
    cells: Cells
    seen: Comparison


def _left_out(  # noqa: PLR0913 - a part needs all that the whole does
    whole: Layout, reference: Trailing, *, first: int, last: int, slots: Ints, grid: Grid, least: int
) -> _LeftOut:
    layout = whole.part(first, last)
    mine = reference.counts[:, whole.offsets[first] : whole.offsets[last]]
    x = mine.astype(np.float64)
    counts: NDArray[Any] = mine.astype(np.int32 if x.sum() < _SMALL else np.int64)
    if reference.accepted is not None:
        taken = np.repeat(reference.accepted[:, first:last], layout.sizes, axis=1)
        counts *= taken
        x *= taken
    n = np.add.reduceat(x, layout.offsets[:-1], axis=1)
    judged = n >= max(least, 1)
    block = blocks(reference.starts)
    cells = cells_of(counts, x, judged, slots=slots, grid=grid, layout=layout, own=reference.own, block=block)
    row = cells.row_of[slots]
    own = np.where(reference.own[:, None], n, 0.0)
    pseudo = TURNOVER * layout.novelty * (cells.own_rows[row, np.arange(layout.features)] - own)
    seen = compare(x, cells.rest.astype(np.float64), layout=layout, pseudo=pseudo if layout.novelty.any() else None)
    judged &= np.isfinite(seen.e)
    return _LeftOut(layout, counts, x, n, own, judged, row, cells, seen)


def _clarity(left: _LeftOut, part: Scored, *, grid: Grid) -> Floats:
    if not hours.usable(grid):
        return np.zeros(left.layout.features)
    _, first = grid.cells()
    sums = left.cells.sums[first[Level.HOUR_OF_DAY_TYPE] : first[Level.HOUR_OF_DAY]].astype(np.float64)
    rows = down(left.n) / np.maximum(np.count_nonzero(left.judged, axis=0), 1)
    return hours.clarity(sums, layout=left.layout, sampling=part.sampling, lasting=part.lasting, rows=rows)


def _asked(  # noqa: PLR0913 - as the whole
    layout: Layout, reference: Trailing, fitted: Calibration, *, clear: Floats, slots: Ints, grid: Grid
) -> Iterator[Asked]:
    """Compare the features with the clearest rhythms once more, one after the other."""
    clear = np.where(fitted.calibrated, clear, 0.0)
    for f in np.argsort(-clear, kind="stable")[: hours.MOST].tolist():
        if clear[f] <= 0:
            return
        low, high = int(layout.offsets[f]), int(layout.offsets[f + 1])
        left = _left_out(layout, reference, first=f, last=f + 1, slots=slots, grid=grid, least=fitted.min_rows)
        sampling, lasting = fitted.sampling[low:high], fitted.lasting[low:high]
        spread = variance(left.seen, sampling, lasting, layout=left.layout)
        yield Asked(f, left.counts, left.seen, spread, left.judged[:, 0], sampling)


def _scored(left: _LeftOut, *, own: Bools) -> tuple[Scored, NDArray[np.integer]]:
    """Score the reference windows of some features by leave-one-out; gives the sums of their cells as well."""
    layout, counts, cells, seen, judged = left.layout, left.counts, left.cells, left.seen, left.judged
    column = np.arange(layout.features)
    sampling, lasting = _wobble(seen, judged, layout=layout, own=own)
    z = standardised(seen, sampling, lasting, layout=layout)
    scores, known = [np.log(np.maximum(score_of(z, layout=layout), 1e-3))], [judged]
    for where in special_bins(layout):
        known.append(judged & (where != ABSENT))
        scores.append(np.where(known[-1], lift(z[:, np.where(where == ABSENT, 0, where)]), LEAST_LOG))
    sums = counts.sum(axis=0, dtype=np.int64)
    gap, e = distance.ks(counts, layout.baseline[None, :], layout=layout, own=own)
    psi = distance.psi(counts, layout.baseline[None, :], layout=layout, own=own)
    used = np.zeros((len(cells.sums), layout.features), dtype=np.bool_)
    used[cells.row_of, column] = True
    kept = np.where(np.repeat(used, layout.sizes, axis=1), cells.sums, 0)
    scored = Scored(
        judged=judged,
        row=left.row,
        rows=len(cells.sums),
        scores=tuple(scores),
        known=tuple(known),
        psi=np.where(own[:, None], psi, forgiven(counts, psi, layout=layout)),
        psi_size=expected_psi(layout, left.n, inside=left.own),
        ks=gap,
        ks_size=np.sqrt(e),
        row_of=cells.row_of.astype(np.int16),
        own_rows=cells.own_rows.astype(np.int64),
        level=cells.level.astype(np.int8),
        sampling=sampling,
        lasting=lasting,
        special=np.stack([np.where(where == ABSENT, 0.0, sums[where]) for where in special_bins(layout)]),
        inside=left.n.sum(axis=0),
        filled=np.add.reduceat((sums > 0).astype(np.int64), layout.offsets[:-1]),
    )
    return scored, kept.astype(
        np.min_scalar_type(int(kept.max(initial=0))) if kept.max(initial=0) < _LARGE else np.int64
    )


def _wobble(seen: Comparison, judged: Bools, *, layout: Layout, own: Bools) -> tuple[Floats, Floats]:
    weight = np.repeat(judged, layout.sizes, axis=1).astype(np.float64)
    fresh = layout.unseen[layout.unseen != ABSENT]
    weight[np.ix_(own, fresh)] = 0.0
    count = np.maximum(down(weight), 1.0)
    rows = weight * seen.p
    rows *= np.repeat(seen.n, layout.sizes, axis=1)
    expected = down(rows) / count
    y = np.subtract(seen.p, seen.q, out=rows)
    y *= y
    y /= seen.v
    e = np.repeat(np.where(judged, seen.e, 1.0), layout.sizes, axis=1)
    sampling, lasting = wobble.fit(y, e, weight=weight, expected=expected)
    few = weight[:, fresh].sum(axis=0) < _LEAST_LIVE
    novelty = layout.novelty[layout.unseen != ABSENT]
    sampling[fresh] = np.where(few, 1.0, sampling[fresh])
    lasting[fresh] = np.where(few, novelty, lasting[fresh])
    return sampling, lasting


def standardised(seen: Comparison, sampling: Floats, lasting: Floats, *, layout: Layout) -> Floats:
    """Give z of every bin, (W, B): the difference of shares in units of its normal wobble; 0 where unknown."""
    known = np.isfinite(seen.e)
    e = variance(seen, sampling, lasting, layout=layout)
    z = seen.p - seen.q
    z /= np.sqrt(e, out=e)
    return z if known.all() else np.where(np.repeat(known, layout.sizes, axis=1), z, 0.0)
