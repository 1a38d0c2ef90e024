"""The scores of the contract in plain Python, straight from their definitions."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

from acceptance.oracle import FINITE_KINDS

BGK: Final = 0.5826

Bins = Sequence[Mapping[str, Any]]
Counts = Sequence[int]


def _shares(counts: Iterable[int]) -> list[float]:
    held = list(counts)
    total = sum(held)
    return [one / total for one in held]


def psi(bins: Bins, reference: Counts, current: Counts) -> float:
    """Population stability index over the published groups; a zero on one side counts as half a row."""
    groups: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for one, h, x in zip(bins, reference, current, strict=True):
        groups[one["group"]][0] += h
        groups[one["group"]][1] += x
    rows, base = sum(current), sum(reference)
    terms = []
    for h, x in groups.values():
        if x or h:
            p, q = (x or 0.5) / rows, (h or 0.5) / base
            terms.append((p - q) * math.log(p / q))
    return math.fsum(terms)


def js(reference: Counts, current: Counts) -> float:
    """Jensen-Shannon divergence over the bins, in nats."""
    terms = []
    for q, p in zip(_shares(reference), _shares(current), strict=True):
        terms += [one * math.log(2 * one / (p + q)) / 2 for one in (p, q) if one]
    return math.fsum(terms)


def tvd(reference: Counts, current: Counts) -> float:
    """Total variation distance over the bins."""
    pairs = zip(_shares(reference), _shares(current), strict=True)
    return math.fsum(abs(p - q) for q, p in pairs) / 2


def finite(bins: Bins, counts: Counts) -> list[int]:
    """The counts of the finite bins alone."""
    return [count for one, count in zip(bins, counts, strict=True) if one["kind"] in FINITE_KINDS]


def ks(bins: Bins, reference: Counts, current: Counts) -> tuple[float, float] | None:
    """The interval that holds the Kolmogorov-Smirnov distance; None where a side has no finite value.

    Inside a range the rows may lie anywhere; a value's own bin is exact at both its ends and adds no error.
    """
    h, x = finite(bins, reference), finite(bins, current)
    if not sum(h) or not sum(x):
        return None
    q, p = _shares(h), _shares(x)
    d = [a / sum(x) - b / sum(h) for a, b in zip(accumulate(x), accumulate(h), strict=True)]
    kinds = [one["kind"] for one in bins if one["kind"] in FINITE_KINDS]
    inside = zip(kinds, [0.0, *d[:-1]], p, q, strict=True)
    low = max(abs(one) for one in d)
    return low, max(low, *(max(z + a, b - z) for kind, z, a, b in inside if kind == "range"))


def exact_ks(reference: Sequence[float], current: Sequence[float]) -> float:
    """The Kolmogorov-Smirnov distance of two samples of raw values."""
    steps: dict[float, list[int]] = defaultdict(lambda: [0, 0])
    for side, values in enumerate((reference, current)):
        for value in values:
            steps[value][side] += 1
    ordered = [steps[value] for value in sorted(steps)]
    h, x = accumulate(step[0] for step in ordered), accumulate(step[1] for step in ordered)
    return max(abs(a / len(reference) - b / len(current)) for a, b in zip(h, x, strict=True))


def kolmogorov(t: float) -> float:
    """The tail of Kolmogorov's distribution."""
    if t <= 0:
        return 1.0
    terms = [(-1) ** (k - 1) * math.exp(-2 * k * k * t * t) for k in range(1, 2 + math.ceil(20 / t))]
    return min(1.0, max(0.0, 2 * math.fsum(terms)))


def ks_p(bins: Bins, reference: Counts, current: Counts) -> tuple[float, float] | None:
    """The p-value corrected for being watched at the bins only, and the uncorrected one above it."""
    interval = ks(bins, reference, current)
    if interval is None:
        return None
    h, x = finite(bins, reference), finite(bins, current)
    weight = math.sqrt(sum(h) * sum(x) / (sum(h) + sum(x)))
    return kolmogorov(weight * interval[0] + BGK / math.sqrt(len(h))), kolmogorov(weight * interval[0])


def wasserstein(bins: Bins, reference: Counts, current: Counts, *, scale: float | None) -> float | None:
    """Distance over the mean positions of the bins in robust scales; None where a row has no position.

    A bin that is empty on both sides moves nothing, wherever it lies.
    """
    every = zip(bins, reference, current, strict=True)
    held = [(one["mean"], h, x) for one, h, x in every if one["kind"] in FINITE_KINDS and (h or x)]
    rows, base = sum(x for _, _, x in held), sum(h for _, h, _ in held)
    if not scale or not rows or not base or any(mean is None for mean, _, _ in held):
        return None
    h, x = accumulate(one[1] for one in held), accumulate(one[2] for one in held)
    d = [a / rows - b / base for a, b in zip(x, h, strict=True)]
    return math.fsum(abs(d[i]) * (held[i + 1][0] - held[i][0]) for i in range(len(held) - 1)) / scale


def share(bins: Bins, current: Counts, kind: str) -> float:
    """The share of a reserved bin among all rows."""
    return sum(count for one, count in zip(bins, current, strict=True) if one["kind"] == kind) / sum(current)
