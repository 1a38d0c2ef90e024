"""Baselines as JSON: ready histograms in, published histograms and Great Expectations partition objects out."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline, BinnedFeature
from app.drift.bins import Bin, NumericBins
from app.drift.categories import HASH_SEED, OTHER_BUCKETS, CategoricalBins
from app.errors import Refused
from app.wire.names import check_name
from app.wire.pointers import Spot
from app.wire.posted import Posted, read_feature

MAX_FEATURES: Final = 2_000
OTHER_HASH: Final = {"name": "xxh64", "seed": HASH_SEED, "buckets": OTHER_BUCKETS}


def read_histograms(document: object) -> Baseline:
    """Read `{"features":{name:{...}}}` as a baseline; what is missing and can be worked out is filled in."""
    features = Spot(document).get("features")
    if not isinstance(features.value, dict):
        features.refuse("unlawful-bins", "features is an object of histograms")
    if len(features.value) > MAX_FEATURES:
        features.refuse("too-many-features", f"a baseline has at most {MAX_FEATURES} features")
    spots = {check_name(name, "feature"): features.get(name) for name in features.value}
    posted = {name: read_feature(name, spot) for name, spot in spots.items()}
    rows = max((int(one.counts.sum()) for one in posted.values()), default=0)
    if rows == 0:
        raise Refused("empty-baseline", "the histograms hold no row")
    filled = [_filled(one, spots[name], rows) for name, one in posted.items()]
    counts = np.concatenate([one.counts for one in filled])
    return Baseline.of([one.feature for one in filled], counts, rows)


def _filled(posted: Posted, spot: Spot, rows: int) -> Posted:
    """Count the rows that a partition object leaves out as null; counts bin by bin must agree."""
    missing = rows - int(posted.counts.sum())
    if missing and not spot.has("partition"):
        spot.refuse("counts-mismatch", f"the counts sum to {rows - missing} rows, those of another feature to {rows}")
    counts = posted.counts.copy()
    counts[posted.feature.bins.finite] += missing
    return replace(posted, counts=counts)


def published(baseline: Baseline) -> dict[str, Any]:
    """Write the features of a baseline as they are read, bins in published order."""
    return {feature.name: _feature(baseline, f, feature) for f, feature in enumerate(baseline.features)}


def _feature(baseline: Baseline, f: int, feature: BinnedFeature) -> dict[str, Any]:
    counts: list[int] = baseline.counts[baseline.slice_of(f)].tolist()
    bins = [{**described(one), "count": count} for one, count in zip(baseline.bins_of(f), counts, strict=True)]
    head = {"kind": feature.kind.value, "role": feature.role.value}
    if isinstance(feature.bins, CategoricalBins):
        known = {"count": feature.known_count, "exact": feature.bins.known_exact}
        return {**head, "other_hash": OTHER_HASH, "known": known, "bins": bins}
    return {**head, "scale": feature.scale, "bins": bins}


def described(one: Bin) -> dict[str, Any]:
    """Write one bin without its count; null where a field does not apply or an end is open."""
    return {
        "label": one.label,
        "kind": one.kind.value,
        "lower": one.lower,
        "upper": one.upper,
        "value": one.value,
        "bucket": one.bucket,
        "group": one.group,
        "mean": one.mean,
    }


def gx(baseline: Baseline) -> dict[str, Any]:
    """Write the features of a baseline as partition objects over the rows that have a value."""
    return {feature.name: _partition(baseline, f, feature) for f, feature in enumerate(baseline.features)}


def _partition(baseline: Baseline, f: int, feature: BinnedFeature) -> dict[str, Any]:
    counts = baseline.counts[baseline.slice_of(f)][: feature.bins.finite]
    head = {"kind": feature.kind.value, "role": feature.role.value, "rows": int(counts.sum())}
    if isinstance(feature.bins, CategoricalBins):
        return {**head, "partition": {"values": list(feature.bins.categories), "weights": _shares(counts).tolist()}}
    intervals = _intervals(feature.bins, counts)
    weights = _shares(intervals.counts).tolist()
    partition = {"bins": intervals.edges, "weights": weights[1:-1], "tail_weights": [weights[0], weights[-1]]}
    return {**head, "partition": partition}


@dataclass(frozen=True, slots=True)
class _Intervals:
    edges: list[float]
    counts: NDArray[np.int64]


def _intervals(bins: NumericBins, counts: NDArray[np.int64]) -> _Intervals:
    """Join each value bin to the range that ends at it; a partition object has at least one closed interval."""
    firsts = np.flatnonzero(~bins.is_value)
    merged = np.add.reduceat(counts, firsts)
    edges: list[float] = bins.upper[firsts][:-1].tolist()
    if not edges:
        return _Intervals([0.0, 1.0], np.array([merged[0], 0, 0], np.int64))
    if len(edges) == 1:
        beyond = float(np.nextafter(edges[0], np.inf))
        return _Intervals([edges[0], beyond], np.array([merged[0], 0, merged[1]], np.int64))
    return _Intervals(edges, merged)


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide by the sum; without a row every bin has the same share."""
    rows = counts.sum()
    return counts / rows if rows else np.full(len(counts), 1 / max(len(counts), 1))
