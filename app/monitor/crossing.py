"""Episodes of the plain scores that somebody drew a critical line for."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.drift.crossings import cross
from app.drift.layout import Floats
from app.drift.replay import State
from app.monitor.rulebook import PLAIN, Rulebook
from app.storage.scores import ScoredWindow


def crossed(state: State, scored: Sequence[ScoredWindow], rulebook: Rulebook) -> State:
    """Carry the episodes of plain critical lines over windows in time order."""
    episodes = state.episodes
    starts = np.array([window.start_us for window in scored], np.int64)
    for statistic in PLAIN:
        fixed, p = rulebook.fixed(statistic), rulebook.critical_p(statistic)
        drawn = ~(np.isnan(fixed) & np.isnan(p))  # elsewhere an episode of this name is one of evidence
        if not drawn.any():
            continue
        every = ("",) if statistic == "volume" else rulebook.names
        names = [name for name, own in zip(every, drawn.tolist(), strict=True) if own]
        values = np.stack([window.statistics[statistic].values for window in scored])[:, drawn]
        lines = np.stack([_line(window, statistic, fixed=fixed, p=p) for window in scored])[:, drawn]
        episodes = cross(
            episodes,
            statistic=statistic,
            names=names,
            version=rulebook.version,
            starts=starts,
            values=values,
            lines=lines,
        )
    return replace(state, episodes=episodes)


def _line(window: ScoredWindow, statistic: str, *, fixed: Floats, p: Floats) -> Floats:
    """Give the critical line of every feature in the unit of the score, NaN where there is none."""
    row = window.statistics[statistic]
    drawn = np.full(len(fixed), np.nan) if row.critical is None else row.critical
    if row.critical is None and row.p_values is not None:
        drawn = np.where(np.isnan(p), np.nan, np.where(row.p_values < p, -np.inf, np.inf))
    return np.where(np.isnan(fixed), drawn, fixed)
