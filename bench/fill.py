"""Speed of filling histograms on one core, beside np.sum, np.searchsorted and a count of misplaced values.

Run with `taskset -c 0 python bench/fill.py`; every line is the best of several passes of one process.
"""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline, BinnedFeature
from app.drift.bins import NumericBins
from app.drift.columns import Kind, NumericColumn, Role
from app.drift.counting import count
from app.drift.sample import NumericSample, row_hashes

Doubles = NDArray[np.float64]

ROWS = 4_000_000
CHUNK = 16384


def distributions(rng: np.random.Generator, rows: int) -> dict[str, Doubles]:
    """Shapes that are kind and unkind to a lookup table."""
    normal = rng.normal(size=rows)
    lognormal = np.exp(3 * rng.normal(size=rows))
    return {
        "normal": normal,
        "uniform": rng.random(rows),
        "lognormal s=1": np.exp(normal),
        "lognormal s=3": lognormal,
        "lognormal s=3, both signs": lognormal * rng.choice([-1.0, 1.0], rows),
        "lognormal s=3, 40 % zero": np.where(rng.choice([True, False], rows, p=[0.4, 0.6]), 0.0, lognormal),
        "pareto a=1": rng.pareto(1, rows),
        "cauchy": rng.standard_cauchy(rows),
        "normal + 1e9": normal + 1e9,
        "poisson 5": rng.poisson(5, rows).astype(np.float64),
        "integers 0..1000": rng.integers(0, 1000, rows).astype(np.float64),
        "two clusters, 1e-3 and 1 wide": np.where(rng.choice([True, False], rows), normal * 1e-3 + 1e3, normal + 1e6),
    }


def best(work: Callable[[], object], passes: int = 5) -> float:
    """Seconds of the fastest pass."""
    times = []
    for _ in range(passes):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def spoiled(values: Doubles, rng: np.random.Generator, share: float) -> Doubles:
    """The values with NaN and infinities in `share` of the rows."""
    values = values.copy()
    rows = np.flatnonzero(rng.random(len(values)) < share)
    values[rows] = rng.choice([np.nan, np.inf, -np.inf], len(rows))
    return values


def fitted(values: Doubles) -> Baseline:
    """A baseline of one feature; only its bins matter here."""
    sample = NumericSample(200_000)
    for start in range(0, len(values), 100_000):
        part = values[start : start + 100_000]
        sample.add(part, row_hashes(start, len(part)))
    bins = sample.bins()
    return Baseline.of([BinnedFeature("x", Kind.NUMERIC, Role.FEATURE, bins)], np.zeros(bins.size, dtype=np.int64), 0)


def searched(values: Doubles, cuts: Doubles) -> NDArray[np.int64]:
    """The plain way: search and count, in chunks that fit the cache."""
    counts = np.zeros(len(cuts) + 1, dtype=np.int64)
    for start in range(0, len(values), CHUNK):
        counts += np.bincount(cuts.searchsorted(values[start : start + CHUNK]), minlength=len(counts))
    return counts


def one_feature(rng: np.random.Generator) -> None:
    """A long column at a time, with and without values that are no numbers."""
    window = np.zeros(ROWS, dtype=np.int64)
    print(f"{'one column of ' + str(ROWS):32s}{'np.sum':>9s}{'search':>9s}{'fill':>9s}{'1 % odd':>9s}  misplaced  grid")
    for name, clean in distributions(rng, ROWS).items():
        baseline = fitted(clean)
        bins = baseline.features[0].bins
        assert isinstance(bins, NumericBins)
        odd = spoiled(clean, rng, 0.01)
        finite = np.isfinite(odd)
        # A value is misplaced when the table and the search disagree about it.
        wrong = int((bins.index(odd)[finite] != bins.cuts.searchsorted(odd[finite])).sum())
        counts = count(baseline, {"x": NumericColumn(odd)}, window, 1).counts[0]
        assert wrong == 0
        assert counts[: bins.finite].tolist() == searched(odd[finite], bins.cuts).tolist()
        assert counts.sum() == ROWS
        seconds = (
            best(clean.sum),
            best(partial(searched, clean, bins.cuts), passes=2),
            best(partial(count, baseline, {"x": NumericColumn(clean)}, window, 1)),
            best(partial(count, baseline, {"x": NumericColumn(odd)}, window, 1)),
        )
        speeds = "".join(f"{ROWS / s / 1e6:9.0f}" for s in seconds)
        lookup = bins.lookup
        deep = "" if lookup.deep is None else " deep"
        grid = f"{type(lookup.grid).__name__} {len(lookup.below)} depth {lookup.depth}{deep}"
        print(f"{name:32s}{speeds}{wrong:11d}  {grid}")


def batches(rng: np.random.Generator) -> None:
    """Whole batches as they arrive, every feature with edges of its own."""
    print(f"\n{'batch':32s}{'1 window':>9s}{'3':>9s}   M values/s")
    for features, rows in ((100, 100), (100, 1000), (1000, 1000), (20, 20000)):
        parts = [fitted(rng.normal(size=5000) * 10 ** rng.normal()).features[0] for _ in range(features)]
        named = [BinnedFeature(f"x{f}", part.kind, part.role, part.bins) for f, part in enumerate(parts)]
        total = sum(part.bins.size for part in named)
        baseline = Baseline.of(named, np.zeros(total, dtype=np.int64), 0)
        columns = {f"x{f}": NumericColumn(rng.normal(size=rows)) for f in range(features)}
        line = f"{f'{rows} rows x {features} features':32s}"
        for windows in (1, 3):
            window = rng.integers(0, windows, rows)
            took = best(partial(count, baseline, columns, window, windows), passes=20)
            line += f"{rows * features / took / 1e6:9.0f}"
        print(line)


if __name__ == "__main__":
    generator = np.random.default_rng(20260101)
    one_feature(generator)
    batches(generator)
