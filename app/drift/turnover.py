"""New categories that are no news: where a baseline held many values once, later windows hold some it never saw.

The published PSI counts them against the baseline's empty bin, half a row; its probability may not, or every window
after the baseline would be rarer than the baseline's own.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from app.drift.distance import divergence
from app.drift.layout import ABSENT, Bools, Floats, Ints, Layout

_LEAST: Final = 1e-3
"""As of a score: a thousandth of what is expected is as calm as nothing."""


@dataclass(frozen=True, slots=True)
class _Groups:
    """The PSI groups of the features with turnover side by side: which they are, and each feature's first and size."""

    mine: Bools
    first: Ints
    sizes: Ints
    unseen: Ints
    rare: Bools


def forgiven(counts: Ints, psi: Floats, *, layout: Layout) -> Floats:
    """PSI of counts (W, total) from `psi`, (W, F), had the baseline held its expected share of unseen rows.

    That share is Good-Turing's (Good, 1953). Windows without unseen rows keep their PSI, as do features whose baseline
    promises none.
    """
    column = np.flatnonzero((layout.unseen != ABSENT) & (layout.novelty > 0))
    if not len(column):
        return psi
    groups = _groups(layout, column)
    x = np.add.reduceat(counts, layout.group_starts, axis=1)[:, groups.mine]
    y = np.add.reduceat(layout.baseline, layout.group_starts)[groups.mine]
    n, m = np.add.reduceat(x, groups.first, axis=1), np.maximum(np.add.reduceat(y, groups.first), 1)
    share = _expected(y / np.repeat(m, groups.sizes), np.minimum(layout.novelty[column], 1.0), groups)
    empty = share <= 0
    share = np.where(empty, np.repeat(0.5 / m, groups.sizes), share)
    rows = np.repeat(np.where(n > 0, n, np.nan), groups.sizes, axis=1)
    value = divergence(x, rows, share=share[None], empty=empty[None], first=groups.first)
    whole = psi.copy()
    whole[:, column] = np.where(x[:, groups.unseen] > 0, value, psi[:, column])
    return whole


def allowed(expected: Floats, psi: Floats, forgiving: Floats) -> Floats:
    """What is expected of PSI, (W, F), so that `psi` beside it is as unusual as `forgiving` beside `expected`."""
    least = np.maximum(forgiving, _LEAST * expected)
    moved = (psi > 0) & (forgiving != psi)
    return np.where(moved, expected * (psi / np.where(least > 0, least, 1.0)), expected)


def _groups(layout: Layout, column: Ints) -> _Groups:
    starts = layout.group_starts
    first = np.searchsorted(starts, layout.offsets[:-1])
    sizes = np.diff(np.concatenate((first, [len(starts)])))
    mine = np.repeat(np.isin(np.arange(layout.features), column), sizes)
    sizes = sizes[column]
    null, unseen = (np.repeat(where[column], sizes) for where in (layout.null, layout.unseen))
    return _Groups(
        mine=mine,
        first=np.cumsum(sizes) - sizes,
        sizes=sizes,
        unseen=(np.cumsum(mine) - 1)[np.searchsorted(starts, layout.unseen[column])],
        rare=(null != ABSENT) & (starts[mine] > null) & (starts[mine] < unseen),  # the `other` bins lie between them
    )


def _expected(share: Floats, new: Floats, groups: _Groups) -> Floats:
    """Shares with `new` in unseen, (F,): it was among the rare values before, and where those are fewer, among all."""
    rare = np.add.reduceat(np.where(groups.rare, share, 0.0), groups.first)
    here = np.minimum(new, rare)
    left = 1.0 - here / np.where(rare > 0, rare, 1.0)
    others = 1.0 - (new - here) / np.where(rare < 1, 1.0 - rare, 1.0)
    found = share * np.where(groups.rare, np.repeat(left, groups.sizes), np.repeat(others, groups.sizes))
    found[groups.unseen] = new
    return np.maximum(found, 0.0)
