"""Fit a calibration to a reference, a few features at a time."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.drift import distance, normal, tail, volume, wobble
from app.drift.autocorrelation import factor
from app.drift.calibration import Calibration
from app.drift.cells import blocks, cells_of, leaning
from app.drift.comparison import Comparison, compare
from app.drift.context import DAY_US, Grid
from app.drift.joint import joined
from app.drift.layout import ABSENT, Bools, Floats, Ints, Layout
from app.drift.normal import Normal
from app.drift.sums import down
from app.drift.tail import LEAST_LOG
from app.drift.trailing import Trailing

CHUNK: Final = 200_000
"""Window-bins worked on at once: what a cache holds, and what bounds the memory."""
_LEAST_LIVE: Final = 30
_SMALL: Final = 2**31
"""Counts whose sum is below this fit into half the memory."""
SCORE_BEND: Final = 0.15
PSI_BEND: Final = 0.25
KS_BEND: Final = 0.3
"""How the logarithms of these three bend among dice."""
_LEAST_VARIANCE: Final = 1.0
"""Of the rows in a bin that moves like independent rows: a stray row is one standard deviation, however rare."""
TURNOVER: Final = 2.0
"""Categories come and go: live windows hold about twice the unseen rows that singletons alone promise."""


def special_bins(layout: Layout) -> tuple[Ints, Ints, Ints]:
    """The positions of null, unseen and invalid."""
    return layout.null, layout.unseen, layout.invalid


def lift(z: Floats) -> Floats:
    """Log score of a share that should not rise: twice the logarithm of a positive z."""
    return np.asarray(2.0 * np.log(np.maximum(z, np.exp(0.5 * LEAST_LOG))))


def score_of(z: Floats, *, layout: Layout) -> Floats:
    """Score of a window, (W, F), in the unit of a mean square: (mean |z|^3)^(2/3) over the bins of a feature.

    Between the mean square, which one broken bin hardly moves, and the largest, which sees no more than one.
    """
    cubes = np.abs(z)
    cubes *= z
    cubes *= z
    return np.asarray(np.cbrt(np.add.reduceat(cubes, layout.offsets[:-1], axis=1) / layout.sizes) ** 2)


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
    parts: list[Calibration] = []
    sums = np.zeros((int(grid.cells()[1][-1]), int(layout.offsets[-1])), dtype=np.uint32)
    everyone = np.ones(len(reference), dtype=np.bool_)
    accepted = everyone if reference.volume_accepted is None else reference.volume_accepted
    rows = volume.fit(reference.rows, reference.starts, accepted=accepted, grid=grid)
    per = max(chunk // max(len(reference), 1), 1)
    first = 0
    while first < layout.features:
        last = int(np.searchsorted(layout.offsets, layout.offsets[first] + per, side="right")) - 1
        last = min(max(last, first + 1), layout.features)
        part = _part(
            layout,
            reference,
            first=first,
            last=last,
            slots=slots,
            grid=grid,
            least=min_rows,
            rows=rows,
            lean=lean,
        )
        sums = sums.astype(np.promote_types(sums.dtype, part.sums.dtype), copy=False)
        sums[:, layout.offsets[first] : layout.offsets[last]] = part.sums
        parts.append(replace(part, sums=part.sums[:, :0].copy()))
        first = last
    return joined(parts, sums)


def _part(  # noqa: PLR0913 - a part needs all that the whole does
    whole: Layout,
    reference: Trailing,
    *,
    first: int,
    last: int,
    slots: Ints,
    grid: Grid,
    least: int,
    rows: volume.VolumeCalibration,
    lean: Floats,
) -> Calibration:
    layout = whole.part(first, last)
    features = layout.features
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
    column = np.arange(features)
    pseudo = TURNOVER * layout.novelty * (cells.own_rows[row, column] - own)
    seen = compare(x, cells.rest.astype(np.float64), layout=layout, pseudo=pseudo if layout.novelty.any() else None)
    judged &= np.isfinite(seen.e)
    sampling, lasting = _wobble(seen, judged, layout=layout, own=reference.own)
    z = standardised(seen, sampling, lasting, layout=layout)
    day = reference.starts // DAY_US
    index = reference.starts // grid.length_us
    logs = np.log(np.maximum(score_of(z, layout=layout), 1e-3))
    scores = [logs]
    laws = [tail.fit(np.where(judged, logs, LEAST_LOG), judged, day=day, bend=SCORE_BEND)]
    for where in special_bins(layout):
        mine = np.where(where == ABSENT, 0, where)
        known = judged & (where != ABSENT)
        risen = np.where(known, lift(z[:, mine]), LEAST_LOG)
        scores.append(risen)
        laws.append(tail.fit(risen, known, day=day))
    sums = counts.sum(axis=0, dtype=np.int64)
    nu = expected_psi(layout, n, inside=own)
    psi, ks = _published(
        counts, reference.own, nu, layout=layout, judged=judged, row=row, rows=len(cells.sums), day=day
    )
    days = np.array([len(np.unique(day[judged[:, f]])) for f in range(features)], dtype=np.int64)
    used = np.zeros((len(cells.sums), features), dtype=np.bool_)
    used[cells.row_of, column] = True
    kept = np.where(np.repeat(used, layout.sizes, axis=1), cells.sums, 0)
    return Calibration(
        row_of=cells.row_of.astype(np.int16),
        sums=kept.astype(np.uint32) if kept.max(initial=0) < 2**32 else kept.astype(np.int64),
        own_rows=cells.own_rows.astype(np.int64),
        level=cells.level.astype(np.int8),
        sampling=sampling,
        lasting=lasting,
        score=laws[0],
        psi=psi,
        ks=ks,
        ratios=(laws[1], laws[2], laws[3]),
        special=np.stack([np.where(where == ABSENT, 0.0, sums[where]) for where in special_bins(layout)]),
        rows=n.sum(axis=0),
        tau=np.stack([factor(score, judged, index=index) for score in scores]),
        witnesses=np.count_nonzero(judged, axis=0),
        days=days,
        volume=rows,
        lean=lean,
        min_rows=least,
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
    e = np.repeat(np.where(known, seen.e, 1.0), layout.sizes, axis=1)
    e *= sampling
    e += lasting
    e *= seen.v
    if seen.extra is not None:
        e += seen.extra
    rows = np.where(known, seen.n, 1.0)
    np.maximum(e, sampling * np.repeat(_LEAST_VARIANCE / (rows * rows), layout.sizes, axis=1), out=e)
    z = seen.p - seen.q
    z /= np.sqrt(e, out=e)
    return z if known.all() else np.where(np.repeat(known, layout.sizes, axis=1), z, 0.0)


def _published(  # noqa: PLR0913 - a fit takes each of them
    counts: NDArray[Any],
    own: Bools,
    nu: Floats,
    *,
    layout: Layout,
    judged: Bools,
    row: Ints,
    rows: int,
    day: Ints,
) -> tuple[Normal, Normal]:
    psi = distance.psi(counts, layout.baseline[None, :], layout=layout, own=own)
    gap, e = distance.ks(counts, layout.baseline[None, :], layout=layout, own=own)
    return (
        normal.fit(psi, nu, counts=judged, row=row, rows=rows, day=day, bend=PSI_BEND),
        normal.fit(gap, np.sqrt(e), counts=judged, row=row, rows=rows, day=day, bend=KS_BEND),
    )
