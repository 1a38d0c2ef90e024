"""Episodes of a plain score."""

from collections.abc import Sequence

import numpy as np

from app.drift.crossings import cross
from app.drift.episodes import Episode

NAN, INF = np.nan, np.inf


def crossed(
    values: Sequence[Sequence[float]], lines: Sequence[float], *, before: Sequence[Episode] = (), first: int = 0
) -> tuple[Episode, ...]:
    """Walk PSI of features a and b."""
    at = np.arange(first, first + len(values), dtype=np.int64)
    drawn = np.tile(np.array(lines), (len(values), 1))
    return cross(
        before, statistic="psi", names=("a", "b"), version="v", starts=at, values=np.array(values), lines=drawn
    )


def episode(feature: str, start: int, end: int | None, peak: float, *, windows: int = 1) -> Episode:
    """A PSI episode."""
    return Episode("v", feature, "psi", start, end, peak, windows=windows)


def test_opens_above_and_closes_at_the_line() -> None:
    """Above 1 at 2 and 4, on the line at 1: open at window 1, closed at window 3."""
    assert crossed([[1, 0], [2, 0], [4, 0], [1, 0]], [1, 1]) == (episode("a", 1, 3, 4.0, windows=2),)


def test_unjudged_windows_neither_open_nor_close() -> None:
    """A value that is not a number leaves an episode open and begins none."""
    assert crossed([[2, NAN], [NAN, NAN], [3, NAN]], [1, 1]) == (episode("a", 0, None, 3.0, windows=2),)


def test_no_line_is_never_crossed() -> None:
    """NaN and infinity are crossed by nothing, minus infinity by everything."""
    assert crossed([[1e300, 1e300]], [NAN, INF]) == ()
    assert crossed([[0, 0]], [-INF, NAN]) == (episode("a", 0, None, 0.0),)


def test_walking_on_is_walking_at_once() -> None:
    """Split after each window, the episodes are those of one walk, twice opened ones included."""
    rng = np.random.default_rng(3)
    values = rng.uniform(0, 2, size=(60, 2))
    values[rng.uniform(size=values.shape) < 0.2] = NAN
    other = Episode("v", "a", "ks", -9, None, 1.0)
    so_far: tuple[Episode, ...] = (other,)
    for w in range(60):
        so_far = crossed(values[w : w + 1].tolist(), [1, 1.5], before=so_far, first=w)
    assert so_far == crossed(values.tolist(), [1, 1.5], before=(other,))
    assert other in so_far
    assert len(so_far) > 10


def test_windows_are_counted_up_to_the_sixth() -> None:
    """As for other episodes."""
    (found,) = crossed([[2, 0]] * 9, [1, 1])
    assert found.windows == 6
