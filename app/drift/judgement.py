"""Judge windows against a calibration."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from app.drift import distance, special
from app.drift.calibration import Calibration
from app.drift.cells import straddle
from app.drift.comparison import Comparison, compare, straddling
from app.drift.context import Grid
from app.drift.layout import ABSENT, Bools, Floats, Ints, Layout
from app.drift.refit import TURNOVER, expected_psi, lift, score_of, special_bins, standardised
from app.drift.turnover import allowed, forgiven

STATISTICS: Final = ("evidence", "null_ratio", "unseen_ratio", "invalid_ratio")
SMALL_TVD: Final = 0.01
_STRAY_ROWS: Final = 1
"""One row in a special bin is no witness against a window."""
_KNOWN: Final = 30
"""Rows of a special bin in the reference from which on its share is known well enough for a binomial law."""
_MOSTLY_NEW: Final = 0.5
"""Where more rows of the baseline than this had a value of their own, no share of unseen values is too many."""
_CELLS: Final = 400_000


@dataclass(frozen=True, slots=True)
class Judgement:
    """W windows of F features: everything (W, F) unless said; NaN where not judged.

    `p` is (4, W, F) in the order of STATISTICS; `psi` and `ks` are the published scores against the baseline, `*_p`
    their calibrated probability, `*_expected` their size on an ordinary window; `tvd` is against the context.
    """

    slot: Ints
    judged: Bools
    score: Floats
    p: Floats
    psi: Floats
    psi_p: Floats
    psi_expected: Floats
    ks: Floats
    ks_p: Floats
    ks_expected: Floats
    ratio: Floats
    tvd: Floats
    volume_p: Floats


@dataclass(frozen=True, slots=True)
class Place:
    """The slots of windows, (W,), and the other slot that each lies in by `part` of its length."""

    slot: Ints
    other: Ints
    part: Floats

    def span(self, low: int, high: int) -> "Place":
        """Windows low to high - 1."""
        return Place(self.slot[low:high], self.other[low:high], self.part[low:high])


def place(calibration: Calibration, starts: Ints, *, grid: Grid) -> Place:
    """Find the slots of windows."""
    slot = grid.slot(starts)
    other, part = straddle(grid, starts=starts, slots=slot, lean=calibration.lean)
    return Place(slot, other, part)


def expected(layout: Layout, calibration: Calibration, *, place: Place, counts: Ints) -> Comparison:
    """Counts (W, total) beside what their context expects."""
    own = _looked_up(layout, calibration, slot=place.slot, counts=counts)
    if not place.part.any():
        return own
    other = _looked_up(layout, calibration, slot=place.other, counts=counts)
    return straddling(own, other, place.part[:, None], step=_stepping(layout, calibration))


def _stepping(layout: Layout, calibration: Calibration) -> Floats:
    """Mean square by which the expected shares change from one slot of the week to the next, (total,)."""
    squares, before = np.zeros(int(layout.offsets[-1])), np.zeros(0)
    rows = calibration.row_of.astype(np.int64)
    column = np.arange(int(layout.offsets[-1]))
    for slot in range(-1, len(rows)):
        if slot < 0 or not np.array_equal(rows[slot], rows[slot - 1]):
            sums = calibration.sums[np.repeat(rows[slot], layout.sizes), column].astype(np.float64)
            whole = np.add.reduceat(sums, layout.offsets[:-1])
            here = sums / np.repeat(np.where(whole > 0, whole, 1.0), layout.sizes)
            if slot >= 0:
                squares += (here - before) ** 2
            before = here
    return squares / len(rows)


def _looked_up(layout: Layout, calibration: Calibration, *, slot: Ints, counts: Ints) -> Comparison:
    row = calibration.row_of[slot].astype(np.int64)
    reference = calibration.sums[np.repeat(row, layout.sizes, axis=1), np.arange(int(layout.offsets[-1]))]
    pseudo = TURNOVER * layout.novelty * calibration.own_rows[row, np.arange(layout.features)]
    return compare(counts.astype(np.float64), reference.astype(np.float64), layout=layout, pseudo=pseudo)


def judge(  # noqa: PLR0913 - a window is told by all of them
    layout: Layout, calibration: Calibration, *, starts: Ints, counts: Ints, rows: Ints, grid: Grid
) -> Judgement:
    """Judge windows with starts (W,), counts (W, total) and rows (W,); the same digits however they are grouped."""
    step = max(_CELLS // max(int(layout.offsets[-1]), 1), 1)
    where = place(calibration, starts, grid=grid)
    cuts = [(at, min(at + step, len(starts))) for at in range(0, max(len(starts), 1), step)]
    parts = [_judge(layout, calibration, place=where.span(a, b), counts=counts[a:b], rows=rows[a:b]) for a, b in cuts]
    if len(parts) == 1:
        return parts[0]
    names = [name for name in Judgement.__slots__ if name != "p"]
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Judgement(p=np.concatenate([part.p for part in parts], axis=1), **whole)


def _judge(layout: Layout, calibration: Calibration, *, place: Place, counts: Ints, rows: Ints) -> Judgement:
    counts = np.ascontiguousarray(counts, dtype=np.int64)
    slot = place.slot
    seen = expected(layout, calibration, place=place, counts=counts)
    row = calibration.row_of[slot].astype(np.int64)
    enough = (seen.n >= max(calibration.min_rows, 1)) & np.isfinite(seen.e)
    judged = enough & calibration.calibrated
    z = standardised(seen, calibration.sampling, calibration.lasting, layout=layout)
    score = score_of(z, layout=layout)
    p = np.full((len(STATISTICS), *score.shape), np.nan)
    p[0] = calibration.score.p(np.log(np.maximum(score, 1e-3)))
    for s, where in enumerate(special_bins(layout)):
        mine = np.where(where == ABSENT, 0, where)
        tail = calibration.ratios[s].p(lift(z[:, mine]))
        rows_alone = _independent(seen, layout, calibration, s=s, mine=mine, row=row, counts=counts)
        p[s + 1] = np.where(where == ABSENT, np.nan, np.maximum(tail, rows_alone))
    p = np.where(judged, p, np.nan)
    baseline = layout.baseline[None, :]
    psi = distance.psi(counts, baseline, layout=layout)
    ks, e = distance.ks(counts, baseline, layout=layout)
    other = calibration.row_of[place.other].astype(np.int64)
    part = place.part[:, None]
    nu = expected_psi(layout, seen.n, inside=np.zeros(1))
    psi_expected = calibration.psi.expected(nu, row, other=other, part=part)
    psi_expected = allowed(psi_expected, psi, forgiven(counts, psi, layout=layout))
    ks_expected = calibration.ks.expected(np.sqrt(e), row, other=other, part=part)
    volume_p = calibration.volume.p(rows, slot, other=place.other, part=place.part)
    return Judgement(
        slot=slot,
        judged=judged,
        score=np.where(judged, score, np.nan),
        p=p,
        psi=psi,
        psi_p=np.where(judged, calibration.psi.p(psi, psi_expected), np.nan),
        psi_expected=np.where(judged, psi_expected, np.nan),
        ks=ks,
        ks_p=np.where(judged, calibration.ks.p(ks, ks_expected), np.nan),
        ks_expected=np.where(judged, ks_expected, np.nan),
        ratio=np.where(judged, psi / psi_expected, np.nan),
        tvd=np.where(enough, distance.tvd(seen.p, seen.q, layout=layout), np.nan),
        volume_p=np.where(calibration.volume_calibrated, volume_p, np.nan),
    )


def _independent(  # noqa: PLR0913 - a bin is found by all of them
    seen: Comparison, layout: Layout, calibration: Calibration, *, s: int, mine: Ints, row: Ints, counts: Ints
) -> Floats:
    """Probability of so many rows in a special bin if rows were independent: beta-negative-binomial, Jeffreys' prior.

    No window may be called rarer than that, however calm the reference was. A bin that holds more than a few of all
    rows varies less than that: there a binomial law of as many rows as the difference of both shares is worth stands
    in, where that is the smaller.
    """
    column = np.arange(layout.features)
    here = calibration.sums[row, mine].astype(np.float64)
    empty = here <= 0
    known = np.where(empty, calibration.special[s], here)
    rows = np.where(empty, calibration.rows, seen.m)
    if s == 1:
        own = np.where(empty, calibration.own_rows[-1], calibration.own_rows[row, column])
        known = known + TURNOVER * layout.novelty * own
    found = counts[:, mine] - _STRAY_ROWS
    odds = seen.n / np.maximum(seen.n + rows, 1.0)
    rare = special.betainc(np.maximum(found, 1), known + 0.5, odds)
    worth, share = 1.0 - odds, np.minimum((known + 0.5) / (rows + 1.0), 1.0)
    common = special.betainc(np.maximum(found, 1) * worth, np.maximum(seen.n - found, 0) * worth + 1.0, share)
    usual = (found <= 0) | ((s == 1) & (layout.novelty > _MOSTLY_NEW))
    return np.where(usual, 1.0, np.where(known >= _KNOWN, np.minimum(rare, common), rare))
