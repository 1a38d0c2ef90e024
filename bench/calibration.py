"""Refit and judge 1,000 features of 50 bins on eight weeks of hourly windows; then twice as many features."""

import resource
import time
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.drift.context import HOUR_US, MONDAY_US, Grid
from app.drift.judgement import judge
from app.drift.layout import layout
from app.drift.record import packed
from app.drift.refit import refit
from app.drift.trailing import Trailing

BINS = 50
KINDS = ["range"] * (BINS - 5) + ["null", "nan", "neg_inf", "pos_inf", "invalid"]
WINDOWS = 8 * 168
ROWS = 1_000


def reference(features: int) -> NDArray[np.uint8]:
    """Counts of every window, (1344, features x 50), in the bytes that the service lays them in.

    A block of features at a time.
    """
    rng = np.random.default_rng(0)
    counts = np.empty((WINDOWS, features * BINS), dtype=np.uint8)
    for first in range(0, features, 50):
        block = rng.poisson(ROWS / BINS, (WINDOWS, 50, BINS)).astype(np.uint8)
        block[:, :, BINS - 5 :] = 0
        counts[:, first * BINS : (first + 50) * BINS] = block[:, : min(50, features - first)].reshape(WINDOWS, -1)
    return counts


def peak_mib() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print one line for each number of features."""
    grid = Grid(HOUR_US, ZoneInfo("America/New_York"))
    starts = MONDAY_US + np.arange(WINDOWS + 1, dtype=np.int64) * HOUR_US
    print(f"{'features':>9}{'refit s':>9}{'judge ms':>10}{'store MB':>10}{'peak MiB':>10}")
    for features in (500, 1000, 2000):
        counts = reference(features)
        group = np.minimum(np.arange(BINS) // 5, 9) + np.maximum(np.arange(BINS) - (BINS - 6), 0)
        place = layout(
            np.arange(features + 1) * BINS,
            KINDS * features,
            groups=np.tile(group, features),
            baseline=counts.sum(axis=0, dtype=np.int64),
        )
        rows = np.full(WINDOWS, ROWS, dtype=np.int64)
        trailing = Trailing(starts[:-1], counts, rows, np.ones(WINDOWS, dtype=np.bool_))
        began = time.perf_counter()
        calibration = refit(place, trailing, grid=grid)
        fitted = time.perf_counter() - began
        live = counts[:1].astype(np.int64)
        times = []
        for _ in range(5):
            began = time.perf_counter()
            judge(place, calibration, starts=starts[-1:], counts=live, rows=rows[:1], grid=grid)
            times.append(time.perf_counter() - began)
        peak = peak_mib()
        size = len(packed(calibration)) / 1e6
        del counts, trailing, calibration
        print(f"{features:>9}{fitted:>9.2f}{1000 * min(times):>10.1f}{size:>10.1f}{peak:>10.0f}")


if __name__ == "__main__":
    main()
