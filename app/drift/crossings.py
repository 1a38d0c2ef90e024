"""Episodes of a plain score: open while it lies above its line."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.drift.episodes import CAUSE_WINDOWS, Episode
from app.drift.layout import Floats, Ints


def cross(  # noqa: PLR0913 - an episode is told by all of them
    episodes: Sequence[Episode],
    *,
    statistic: str,
    names: Sequence[str],
    version: str,
    starts: Ints,
    values: Floats,
    lines: Floats,
) -> tuple[Episode, ...]:
    """Carry the episodes of one statistic over windows in time order: values and lines of shape (W, F).

    An episode opens at the first window above its line and closes at the first scored one that is not. A value that
    is NaN is not judged, a line that is NaN is never crossed. Episodes of other statistics come back as they are.
    """
    above = values > lines
    judged = np.isfinite(values)
    begun = {each.feature: each for each in episodes if each.statistic == statistic and each.end_us is None}
    done = [each for each in episodes if not (each.statistic == statistic and each.end_us is None)]
    known = np.array([name in begun for name in names], dtype=np.bool_)
    for w, start in enumerate(starts.tolist()):
        for f in np.flatnonzero(judged[w] & (above[w] | known)).tolist():
            name, value = names[f], float(values[w, f])
            episode = begun.get(name)
            if episode is None:
                begun[name] = Episode(version, name, statistic, start, None, value)
            elif above[w, f]:
                windows = min(episode.windows + 1, CAUSE_WINDOWS)
                begun[name] = replace(episode, peak=max(episode.peak, value), windows=windows)
            else:
                done.append(replace(begun.pop(name), end_us=start))
            known[f] = name in begun
    return tuple(sorted([*done, *begun.values()], key=lambda each: (each.start_us, each.feature, each.statistic)))
