"""The KL divergence of counts from a partition object, as Great Expectations defines it over rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.drift import special
from app.quality.tally import CategoryTally, NumberTally

_FIELDS = {"bins", "weights", "tail_weights"}


def numeric_divergence(kwargs: Mapping[str, Any], tally: NumberTally) -> float | None:
    """Give the divergence in nats; None when the partition's edges cut a bin, or it has an open end."""
    partition = kwargs.get("partition_object")
    if not isinstance(partition, dict) or not partition.keys() <= _FIELDS or kwargs.get("bucketize_data") is False:
        return None
    edges, weights = np.array(partition["bins"], float), np.array(partition["weights"], float)
    outer, inner = float(kwargs.get("tail_weight_holdout") or 0), float(kwargs.get("internal_weight_holdout") or 0)
    tails = partition.get("tail_weights")
    if not np.isfinite(edges).all() or len(weights) != len(edges) - 1 or (tails is not None and outer):
        return None
    upto = [tally.below(float(edge), inclusive=False) for edge in edges[:-1]]
    last = tally.below(float(edges[-1]), inclusive=True)
    if last is None or any(one is None for one in upto):
        return None
    steps = np.array([*upto, last, tally.present], float)
    expected = weights * (1 - outer - inner)
    empty = expected == 0
    if inner > 0 and empty.any():
        expected[empty] = inner / empty.sum()
    ends = tails if tails is not None else [outer / 2, outer / 2]
    return entropy(np.diff(steps, prepend=0.0), np.concatenate(([ends[0]], expected, [ends[1]])))


def categorical_divergence(kwargs: Mapping[str, Any], tally: CategoryTally) -> float | None:
    """Give the divergence in nats; None when rows hold categories without a bin."""
    partition = kwargs.get("partition_object")
    if not isinstance(partition, dict) or partition.keys() != {"values", "weights"} or tally.invalid:
        return None
    values, weights = partition["values"], partition["weights"]
    holdout = float(kwargs.get("tail_weight_holdout") or 0)
    if tally.elsewhere or len(set(values)) != len(values) or kwargs.get("internal_weight_holdout"):
        return None
    if not all(isinstance(value, str) for value in values):
        return None
    strange = [name for name, count in tally.categories.items() if count and name not in set(values)]
    expected = np.array(weights, float) * ((1 - holdout) if strange else 1)
    observed = [tally.categories.get(value, 0) for value in values]
    beyond = [tally.categories[name] for name in strange]
    extra = np.full(len(strange), holdout / len(strange) if strange else 0.0)
    return entropy(np.array([*observed, *beyond], float), np.concatenate((expected, extra)))


def entropy(observed: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """Give the relative entropy of two vectors after each is divided by its sum; infinite beyond the expected."""
    return float(special.rel_entr(observed / observed.sum(), expected / expected.sum()).sum())
