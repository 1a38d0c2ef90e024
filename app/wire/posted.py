"""Ready histograms of one feature, bin by bin or as a Great Expectations partition object, checked and read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import BinnedFeature
from app.drift.bins import NUMERIC_RESERVED, BinKind, NumericBins
from app.drift.categories import OTHER_BUCKETS, CategoricalBins, may_have_a_bin
from app.drift.columns import Kind, Role
from app.wire.categories import word
from app.wire.moments import positions, robust_scale
from app.wire.pointers import Spot

MAX_BINS: Final = 128
WEIGHT_TOLERANCE: Final = 1e-6
FINITE: Final = (BinKind.RANGE, BinKind.VALUE)
BINS: Final = "unlawful-bins"
PARTITION: Final = "unlawful-partition"


@dataclass(frozen=True, slots=True)
class Posted:
    """A feature and its counts of shape (bins.size,)."""

    feature: BinnedFeature
    counts: NDArray[np.int64]


def read_feature(name: str, spot: Spot) -> Posted:
    """Read one feature of either shape."""
    if not isinstance(spot.value, dict):
        spot.refuse(BINS, "a feature is an object")
    kind, role = spot.get("kind"), spot.get("role")
    if kind.value not in list(Kind):
        kind.refuse("unlawful-kind", "kind is numeric or categorical")
    if role.value not in [None, *Role]:
        role.refuse("unlawful-role", "role is feature, prediction or outcome")
    shape = (name, Role(role.value or Role.FEATURE), spot)
    if kind.value == Kind.NUMERIC:
        return _numeric_partition(*shape) if spot.has("partition") else _numeric(*shape)
    return _categorical_partition(*shape) if spot.has("partition") else _categorical(*shape)


def _numeric(name: str, role: Role, spot: Spot) -> Posted:
    finite, reserved = _split(spot, FINITE, NUMERIC_RESERVED)
    if not finite:
        spot.get("bins").refuse(BINS, "there is no range")
    is_value = [bin_.value["kind"] == BinKind.VALUE for bin_ in finite]
    lower = [_bound(bin_, "value" if own else "lower", -np.inf) for bin_, own in zip(finite, is_value, strict=True)]
    upper = [_bound(bin_, "value" if own else "upper", np.inf) for bin_, own in zip(finite, is_value, strict=True)]
    bins = _lawful_bins(spot.get("bins"), lower, upper, is_value)
    held = [bin_.get("count").count() for bin_ in finite]
    counts = np.array([*held, *(reserved.get((kind, None), 0) for kind in NUMERIC_RESERVED)], np.int64)
    means = np.array(
        [
            place if mean is None and count else np.nan if mean is None else mean
            for mean, place, count in zip(
                [bin_.get("mean").optional_double(BINS) for bin_ in finite], positions(bins), held, strict=True
            )
        ]
    )
    scale = spot.get("scale").optional_double("unlawful-scale")
    if scale is not None and scale <= 0:
        spot.get("scale").refuse("unlawful-scale", "a scale is above 0")
    return _numeric_posted(name, role, bins, counts=counts, means=means, scale=scale)


def _numeric_posted(  # noqa: PLR0913 - what a numeric feature is made of
    name: str,
    role: Role,
    bins: NumericBins,
    *,
    counts: NDArray[np.int64],
    means: NDArray[np.float64],
    scale: float | None,
) -> Posted:
    if scale is None:
        scale = robust_scale(means, counts[: bins.finite])
    return Posted(BinnedFeature(name, Kind.NUMERIC, role, bins, scale=scale, means=means), counts)


def _bound(bin_: Spot, key: str, end: float) -> float:
    bound = bin_.get(key)
    return end if bound.value is None and key != "value" else bound.double(BINS)


def _lawful_bins(spot: Spot, lower: list[float], upper: list[float], is_value: list[bool]) -> NumericBins:
    try:
        return NumericBins(np.array(lower), np.array(upper), np.array(is_value, np.bool_))
    except ValueError as error:
        spot.refuse(BINS, str(error))


def _categorical(name: str, role: Role, spot: Spot) -> Posted:
    others = [(BinKind.OTHER, bucket) for bucket in range(OTHER_BUCKETS)]
    order = [(BinKind.NULL, None), *others, (BinKind.UNSEEN, None), (BinKind.INVALID, None)]
    named, reserved = _split(spot, (BinKind.CATEGORY,), tuple(kind for kind, _ in order))
    categories = _lawful_categories([bin_.get("value") for bin_ in named])
    counts = [bin_.get("count").count() for bin_ in named] + [reserved.get(place, 0) for place in order]
    known = spot.get("known")
    known_count = 0 if known.value is None else known.get("count").count()
    # The hashes of unnamed categories are not in a read: where there were some, nothing can be called unseen.
    exact = known_count == 0 and not any(reserved.get(place, 0) for place in others)
    bins = CategoricalBins(categories, np.zeros(0, np.uint64), known_exact=exact)
    feature = BinnedFeature(name, Kind.CATEGORICAL, role, bins, known_count=known_count)
    return Posted(feature, np.array(counts, np.int64))


def _lawful_categories(spots: Sequence[Spot]) -> tuple[str, ...]:
    known: dict[str, None] = {}
    for spot in spots:
        text = word(spot.value)
        if not isinstance(text, str) or not may_have_a_bin(text):
            spot.refuse(BINS, "a category is text of at most 256 bytes without U+0000")
        if text in known:
            spot.refuse(BINS, "a category stands twice")
        known[text] = None
    return tuple(known)


def _split(
    spot: Spot, own: tuple[BinKind, ...], reserved: tuple[BinKind, ...]
) -> tuple[list[Spot], dict[tuple[BinKind, int | None], int]]:
    """Part the bins that a feature has by itself from the reserved ones, which are counts by kind and bucket."""
    mine: list[Spot] = []
    others: dict[tuple[BinKind, int | None], int] = {}
    for bin_ in spot.get("bins").items(BINS, most=MAX_BINS + len(BinKind) + OTHER_BUCKETS):
        kind = bin_.get("kind")
        if kind.value in own:
            mine.append(bin_)
        elif isinstance(kind.value, str) and kind.value in reserved:
            place = (BinKind(kind.value), _bucket(bin_) if kind.value == BinKind.OTHER else None)
            if place in others:
                bin_.refuse(BINS, "a bin stands twice")
            others[place] = bin_.get("count").count()
        else:
            kind.refuse(BINS, f"a bin's kind is one of {', '.join([*own, *dict.fromkeys(reserved)])}")
    if len(mine) > MAX_BINS:
        spot.get("bins").refuse("too-many-bins", f"a feature has at most {MAX_BINS} bins of its own")
    return mine, others


def _bucket(bin_: Spot) -> int:
    bucket = bin_.get("bucket")
    if isinstance(bucket.value, bool) or not isinstance(bucket.value, int) or not 0 <= bucket.value < OTHER_BUCKETS:
        bucket.refuse(BINS, f"a bucket is a whole number from 0 to {OTHER_BUCKETS - 1}")
    return bucket.value


def _numeric_partition(name: str, role: Role, spot: Spot) -> Posted:
    partition = spot.get("partition")
    edges = [edge.double(PARTITION) for edge in partition.get("bins").items(PARTITION, most=MAX_BINS - 1)]
    weights = _weights(partition.get("weights"))
    tails = _weights(partition.get("tail_weights")) if partition.has("tail_weights") else [0.0, 0.0]
    if len(edges) < 2 or len(weights) != len(edges) - 1 or len(tails) != 2:  # noqa: PLR2004 - an interval, two tails
        partition.refuse(PARTITION, "n weights need n + 1 bins and at most two tail weights")
    held = _counts(spot, [tails[0], *weights, tails[1]])
    bins = _lawful_bins(partition.get("bins"), [-np.inf, *edges], [*edges, np.inf], [False] * (len(edges) + 1))
    counts = np.array([*held, *([0] * len(NUMERIC_RESERVED))], np.int64)
    means = np.where(counts[: bins.finite] > 0, positions(bins), np.nan)
    return _numeric_posted(name, role, bins, counts=counts, means=means, scale=None)


def _categorical_partition(name: str, role: Role, spot: Spot) -> Posted:
    partition = spot.get("partition")
    categories = _lawful_categories(list(partition.get("values").items(PARTITION, most=MAX_BINS)))
    weights = _weights(partition.get("weights"))
    if not weights or len(weights) != len(categories):
        partition.refuse(PARTITION, "every value needs one weight")
    bins = CategoricalBins(categories, np.zeros(0, np.uint64))
    counts = np.zeros(bins.size, np.int64)
    counts[: bins.finite] = _counts(spot, weights)
    return Posted(BinnedFeature(name, Kind.CATEGORICAL, role, bins), counts)


def _weights(spot: Spot) -> list[float]:
    weights = []
    for weight in spot.items(PARTITION, most=MAX_BINS):
        if not 0 <= weight.double(PARTITION) <= 1 + WEIGHT_TOLERANCE:
            weight.refuse(PARTITION, "a weight lies between 0 and 1")
        weights.append(weight.double(PARTITION))
    return weights


def _counts(spot: Spot, weights: list[float]) -> list[int]:
    """Turn shares into rows; what rounding leaves over or short goes to the largest bin."""
    rows = spot.get("rows").count()
    if abs(sum(weights) - 1) > WEIGHT_TOLERANCE:
        spot.get("partition").refuse(PARTITION, "all weights sum to 1")
    counts = [round(weight * rows) for weight in weights]
    largest = max(range(len(counts)), key=lambda n: counts[n])
    counts[largest] += rows - sum(counts)
    return counts
