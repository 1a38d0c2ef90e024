"""A suite from a baseline: what its windows did by themselves, and a little more, is what may come."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline, BinnedFeature
from app.drift.bins import NumericBins
from app.drift.categories import OTHER_BUCKETS
from app.quality.divergence import entropy
from app.quality.suite import OWN, Expectation, Suite
from app.quality.tally import intervals
from app.quality.twins import spread

Counts = NDArray[np.int64]
Doubles = NDArray[np.float64]

MIN_ROWS: Final = 30
SEVERITY: Final = "warning"
QUANTILE: Final = 0.99
NULL_QUANTILE: Final = 0.95
REACH: Final = 1.0
DIVERGENCE_REACH: Final = 0.5
LEAST_REACH: Final = 0.25
STUCK: Final = 0.9
SLACK: Final = 0.02
DIVERGENCE_SLACK: Final = 0.1
HOLDOUT: Final = 0.001
SMOOTHING: Final = 0.5
FEWEST: Final = 0.02
FEWEST_GROUPS: Final = 3
TYPES: Final = "expect_column_values_to_be_in_type_list"
NUMBERS: Final = (
    *("int", "float", "bool", "bool_", "boolean"),
    *(f"{name}{bits}" for name in ("int", "uint", "Int", "UInt") for bits in (8, 16, 32, 64)),
    *("float16", "float32", "float64", "Float32", "Float64"),
)


@dataclass(frozen=True, slots=True)
class Normal:
    """The reference of one feature: the counts of its windows, shape (W, bins), or of the whole baseline alone."""

    feature: BinnedFeature
    total: Counts
    windows: Counts


def derive(
    baseline: Baseline,
    chunks: Iterable[Counts],
    *,
    name: str,
    min_rows: int = MIN_ROWS,
    secret: frozenset[str] = frozenset(),
) -> Suite:
    """Derive a suite from a baseline and the counts of its windows, in chunks of shape (windows, bins).

    Of `secret` features only what counts can decide is expected.
    """
    first = baseline.slice_of(0) if baseline.features else slice(0, 0)
    kept = [chunk[chunk[:, first].sum(axis=1) >= min_rows] for chunk in chunks]
    windows = np.concatenate(kept) if kept else np.zeros((0, baseline.total), np.int64)
    meta = {"meta": {OWN: {"derived": True, "min_rows": min_rows}}}
    expectations = []
    for f, feature in enumerate(baseline.features):
        own = baseline.slice_of(f)
        for kind, kwargs in _of_feature(Normal(feature, baseline.counts[own], windows[:, own]), min_rows):
            if feature.name in secret and kind == TYPES:
                continue
            expectations.append(Expectation(kind, {"column": feature.name, **kwargs}, SEVERITY, meta))
    return Suite(name, tuple(expectations))


_Given = tuple[str, dict[str, Any]]


def _of_feature(normal: Normal, min_rows: int) -> Iterator[_Given]:
    missing = _missing(normal.feature)
    nulls = _shares(normal, missing, _all(normal))
    yield from _mostly("expect_column_values_to_not_be_null", {}, nulls, min_rows, quantile=NULL_QUANTILE)
    present = ~missing
    if not normal.total[present].sum():
        return
    if isinstance(normal.feature.bins, NumericBins):
        yield from _of_numbers(normal, present, min_rows)
    else:
        yield from _of_categories(normal, present, min_rows)


def _of_numbers(normal: Normal, present: NDArray[np.bool_], min_rows: int) -> Iterator[_Given]:
    bins = normal.feature.bins
    assert isinstance(bins, NumericBins)  # noqa: S101 - told by the caller
    place = np.arange(len(normal.total))
    invalid = place == bins.size - 1
    types = {"type_list": list(NUMBERS)}
    yield from _mostly(TYPES, types, _shares(normal, invalid, present), min_rows)
    if bins.finite > 2:  # noqa: PLR2004 - the open ends
        inside = (place > 0) & (place < bins.finite - 1)
        low, high = float(bins.upper[0]), float(bins.lower[-1])
        edges = {
            "min_value": spread(low)[0] if bins.is_value[1] else low,
            "max_value": spread(high)[1] if bins.is_value[-2] else high,
            "strict_min": not bins.is_value[1],
        }
        outside = _shares(normal, present & ~inside & ~invalid, present & ~invalid)
        yield from _mostly("expect_column_values_to_be_between", edges, outside, min_rows)
    yield from _numeric_divergence(normal, bins, min_rows)


def _numeric_divergence(normal: Normal, bins: NumericBins, min_rows: int) -> Iterator[_Given]:
    groups = _groups(normal.total[: bins.finite])
    if groups[-1] < FEWEST_GROUPS - 1:
        groups = np.arange(bins.finite)
    if len(groups) < FEWEST_GROUPS or not np.flatnonzero(normal.total[: bins.finite])[1:].size:
        return
    edges = _edges(bins, np.flatnonzero(np.diff(groups)))
    counts, total = _grouped(normal.windows, groups, bins), _grouped(normal.total[None], groups, bins)[0]
    weights = _weights(total)
    tails = [float(weights[0]), float(weights[-1])]
    partition = {"bins": edges.tolist(), "weights": weights[1:-1].tolist(), "tail_weights": tails}
    yield _divergence(partition, _divergences(counts, weights), len(weights), min_rows)


def _edges(bins: NumericBins, last: Counts) -> Doubles:
    """Give the edges of a partition, shape (n,), that parts groups after each of the `last` bins.

    Histograms there hold the lower end of each interval and both of the last; ours hold the upper end. A value with a
    bin of its own stays on its side of an edge whatever format it comes in.
    """
    _, high = intervals(bins)
    edges = np.nextafter(high[last], np.inf)
    wide = edges.copy()
    for n, bin_ in enumerate(last.tolist()):
        if bins.is_value[bin_]:
            wide[n] = np.nextafter(spread(float(bins.upper[bin_]))[1], np.inf)
        elif bins.is_value[bin_ + 1]:
            wide[n] = spread(float(bins.lower[bin_ + 1]))[0]
    edges = wide if (np.diff(wide) > 0).all() else edges
    return np.append(edges[:-1], np.nextafter(edges[-1], -np.inf))


def _of_categories(normal: Normal, present: NDArray[np.bool_], min_rows: int) -> Iterator[_Given]:
    bins = normal.feature.bins
    assert not isinstance(bins, NumericBins)  # noqa: S101 - told by the caller
    named = np.arange(len(normal.total)) < bins.finite
    values = {"value_set": list(bins.categories)}
    if not bins.categories:
        return
    elsewhere = _shares(normal, present & ~named, present)
    yield from _mostly("expect_column_values_to_be_in_set", values, elsewhere, min_rows)
    other = normal.total[bins.finite + 1 : bins.finite + 1 + OTHER_BUCKETS].sum()
    if other or len(bins.categories) < 2:  # noqa: PLR2004 - one category diverges from nothing
        return
    weights = _weights(normal.total[: bins.finite])
    partition = {"values": list(bins.categories), "weights": weights.tolist()}
    found = _divergences(normal.windows[:, : bins.finite], weights)
    kind, kwargs = _divergence(partition, found, len(weights), min_rows)
    yield kind, {**kwargs, "tail_weight_holdout": HOLDOUT}


def _mostly(
    kind: str, kwargs: dict[str, Any], shares: Doubles, min_rows: int, *, quantile: float = QUANTILE
) -> Iterator[_Given]:
    """Expect it of most values; of none when ordinary windows have less than a few."""
    whole, found = float(shares[0]), shares[1:]
    noise = 4 * float(np.sqrt(whole * (1 - whole) / min_rows)) if not len(found) else 0.0
    mostly = np.floor((1 - upper(found, whole, quantile) - SLACK - noise) * 1000) / 1000
    if mostly >= FEWEST:
        yield kind, {**kwargs, "mostly": float(mostly)}


def _divergence(partition: dict[str, Any], found: Doubles, bins: int, min_rows: int) -> _Given:
    """Expect less than ordinary windows have, and where those leave room less than one value alone would make."""
    weights = [*partition["weights"], *partition.get("tail_weights", [])]
    least, most = (upper(found, (bins - 1) / min_rows, QUANTILE, reach) for reach in (LEAST_REACH, DIVERGENCE_REACH))
    stuck = STUCK * -float(np.log(max(weights))) - DIVERGENCE_SLACK
    line = min(most, max(least, stuck)) if len(found) else most
    threshold = np.ceil((line + DIVERGENCE_SLACK) * 1000) / 1000
    kwargs = {"partition_object": partition, "threshold": float(threshold)}
    return "expect_column_kl_divergence_to_be_less_than", kwargs


def upper(found: Doubles, otherwise: float, quantile: float, reach: float = REACH) -> float:
    """Give what ordinary windows stay under: what nearly all do, and so much of their way from the middle again."""
    found = found[np.isfinite(found)]
    if not len(found):
        return otherwise
    top = float(np.quantile(found, quantile, method="higher"))
    return top + reach * (top - float(np.median(found)))


def _shares(normal: Normal, part: NDArray[np.bool_], of: NDArray[np.bool_]) -> Doubles:
    """Give the share of some bins in others: in the whole baseline, then in each window."""
    counts = np.vstack((normal.total[None], normal.windows))
    with np.errstate(invalid="ignore", divide="ignore"):
        shares: Doubles = counts[:, part].sum(axis=1) / counts[:, of].sum(axis=1)
    return np.nan_to_num(shares, nan=0.0)


def _missing(feature: BinnedFeature) -> NDArray[np.bool_]:
    place = np.arange(feature.bins.size)
    null: NDArray[np.bool_] = place == feature.bins.finite
    return null | (place == feature.bins.finite + 1) if isinstance(feature.bins, NumericBins) else null


def _all(normal: Normal) -> NDArray[np.bool_]:
    return np.ones(len(normal.total), np.bool_)


def _groups(counts: Counts) -> Counts:
    """Join neighbouring bins to at most ten groups of about equal rows, numbered from 0 without a gap."""
    before = np.cumsum(counts) - counts
    rows = max(int(counts.sum()), 1)
    tenths = np.minimum(9, 10 * (2 * before + counts) // (2 * rows))
    return np.unique(tenths, return_inverse=True)[1]


def _grouped(counts: Counts, groups: Counts, bins: NumericBins) -> Counts:
    """Sum the counts, shape (W, bins), by group; infinities belong to the outer ones."""
    firsts = np.flatnonzero(np.diff(groups, prepend=-1))
    summed: Counts = np.add.reduceat(counts[:, : bins.finite], firsts, axis=1)
    summed[:, 0] += counts[:, bins.finite + 2]
    summed[:, -1] += counts[:, bins.finite + 3]
    return summed


def _weights(counts: Counts) -> Doubles:
    """Give each bin its share, none of them nothing, so that one stray row diverges by a little."""
    smooth: Doubles = (counts + SMOOTHING) / (counts + SMOOTHING).sum()
    return smooth


def _divergences(counts: Counts, weights: Doubles) -> Doubles:
    return np.array([entropy(row.astype(float), weights) for row in counts if row.sum()])
