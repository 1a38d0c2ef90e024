"""Speed of PSI and KS from counts, beside numpy's sum and scipy's test on the rows behind the counts.

Not like for like: the counts were paid for when the rows came in, scipy starts from the rows.
"""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.stats import ks_2samp  # noqa: TID251 - the yardstick, not the service

from app.drift.baseline import Baseline, BinnedFeature
from app.drift.bins import NUMERIC_RESERVED, NumericBins
from app.drift.columns import Kind, Role
from app.drift.scores import Statistic, score

FEATURES = 1000
BINS = 64
ROWS = 100_000
SAMPLED = 10


def best(work: Callable[[], object], passes: int) -> float:
    """Milliseconds of the fastest pass."""
    times = []
    for _ in range(passes):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def main() -> None:
    """Print a table of milliseconds."""
    rng = np.random.default_rng(20260101)
    finite = BINS - len(NUMERIC_RESERVED)
    reference = rng.normal(size=ROWS)
    bins = NumericBins.between(np.quantile(reference, np.arange(1, finite) / finite), np.empty(0))
    held = np.bincount(bins.index(reference), minlength=bins.size)
    features = [BinnedFeature(f"x{f}", Kind.NUMERIC, Role.FEATURE, bins, scale=1.0) for f in range(FEATURES)]
    baseline = Baseline.of(features, np.tile(held, FEATURES), ROWS)
    current = rng.normal(0.1, 1, size=(SAMPLED, ROWS))
    own = [np.bincount(bins.index(rows), minlength=bins.size) for rows in current]
    counts = np.concatenate([own[f % SAMPLED] for f in range(FEATURES)])[None]
    rows = np.array([ROWS])
    scores = score(baseline, counts, rows)
    for f in range(SAMPLED):
        exact = float(ks_2samp(reference, current[f]).statistic)
        assert scores.values[Statistic.KS][0, f] - 1e-12 <= exact <= scores.ks_high[0, f] + 1e-12

    print(f"{FEATURES} features x {BINS} bins, one window                       ms")
    print(f"np.sum of the counts                       {best(partial(np.sum, counts), 200):12.4f}")
    pair = best(partial(score, baseline, counts, rows, (Statistic.PSI, Statistic.KS)), 200)
    print(f"psi and ks                                 {pair:12.3f}")
    print(f"all statistics                             {best(partial(score, baseline, counts, rows), 200):12.3f}")
    many = np.repeat(counts, 24, axis=0)
    day = best(partial(score, baseline, many, np.full(24, ROWS)), 10)
    print(f"all statistics, a window of 24             {day / 24:12.3f}")
    once = best(partial(ks_2samp, reference, current[0]), 5)
    print(f"scipy ks_2samp, {ROWS} rows, x {FEATURES} (from {SAMPLED}) {once * FEATURES:12.0f}")


if __name__ == "__main__":
    main()
