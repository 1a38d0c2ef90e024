"""Histograms of made-up traffic with a daily rhythm."""

from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.drift.context import HOUR_US, MONDAY_US, WEEK_US, Grid
from app.drift.layout import Layout, layout
from app.drift.replay import Windows
from app.drift.trailing import Trailing

UTC = ZoneInfo("UTC")
NEW_YORK = ZoneInfo("America/New_York")
RANGES = 12
KINDS = ["range"] * RANGES + ["null", "nan", "neg_inf", "pos_inf", "invalid"]
CATEGORIES = ["category"] * 5 + ["null", "other", "unseen", "invalid"]


def starts(windows: int, *, length_us: int = HOUR_US, first_us: int = MONDAY_US) -> NDArray[np.int64]:
    """Neighbouring window starts from a Monday on."""
    return first_us + np.arange(windows, dtype=np.int64) * length_us


def shares(hour: NDArray[np.float64], feature: int) -> NDArray[np.float64]:
    """Shares of the finite bins at each hour of day, (W, 12): a bump that wanders once a day."""
    middle = 5.5 + 2.5 * np.sin(hour / 24 * 2 * np.pi + feature)
    weight = np.exp(-0.5 * ((np.arange(RANGES) - middle[:, None]) / 2.5) ** 2)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def numeric(at: NDArray[np.int64], rows: NDArray[np.int64], *, feature: int, seed: int = 0) -> NDArray[np.int64]:
    """Counts of a numeric feature, (W, 17)."""
    rng = np.random.default_rng([seed, feature])
    hour = (at // HOUR_US % 24).astype(np.float64)
    finite = rng.multinomial(rows, shares(hour, feature))
    return np.concatenate([finite, np.zeros((len(at), 5), dtype=np.int64)], axis=1)


def traffic(at: NDArray[np.int64], *, mean: int = 300, seed: int = 0) -> NDArray[np.int64]:
    """Rows of each window: more by day than by night."""
    hour = at // HOUR_US % 24
    expected = mean * (1 + 0.5 * np.sin(hour / 24 * 2 * np.pi))
    return np.random.default_rng([seed, 99]).poisson(expected)


def laid(counts: NDArray[np.int64], features: int) -> Layout:
    """Lay out numeric features of 17 bins whose finite bins are the unit intervals from 0."""
    lower = np.array([-np.inf, *np.arange(1, RANGES), *[np.nan] * 5])
    upper = np.array([*np.arange(1, RANGES), np.inf, *[np.nan] * 5])
    groups = np.array([*np.arange(RANGES), *range(100, 105)])
    return layout(
        np.arange(features + 1) * len(KINDS),
        KINDS * features,
        groups=np.tile(groups, features),
        baseline=counts.sum(axis=0),
        lower=np.tile(lower, features),
        upper=np.tile(upper, features),
    )


def stream(
    weeks: int, *, features: int = 2, seed: int = 0, length_us: int = HOUR_US, mean: int = 300
) -> tuple[Layout, Windows]:
    """Stationary traffic, and the layout whose baseline is all of it."""
    at = starts(weeks * WEEK_US // length_us, length_us=length_us)
    rows = traffic(at, mean=mean, seed=seed)
    counts = np.concatenate([numeric(at, rows, feature=f, seed=seed) for f in range(features)], axis=1)
    return laid(counts, features), Windows(at, counts, rows)


def trailing(windows: Windows) -> Trailing:
    """All of these windows as the reference."""
    return Trailing(windows.starts, windows.counts, windows.rows, np.ones(len(windows.starts), dtype=np.bool_))


def hourly(zone: ZoneInfo = UTC) -> Grid:
    """Windows of an hour."""
    return Grid(HOUR_US, zone)
