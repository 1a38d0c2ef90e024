"""The fixed partition of one feature, frozen with its baseline."""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift import labels
from app.drift.columns import INVALID, NULL
from app.drift.lookup import CHUNK, Lookup, Pack

Doubles = NDArray[np.float64]
Indices = NDArray[np.intp]


class BinKind(StrEnum):
    """What a bin holds; a value bin is checked before the ranges."""

    RANGE = "range"
    VALUE = "value"
    CATEGORY = "category"
    NULL = "null"
    NAN = "nan"
    NEG_INF = "neg_inf"
    POS_INF = "pos_inf"
    INVALID = "invalid"
    OTHER = "other"
    UNSEEN = "unseen"


NUMERIC_RESERVED: Final = (BinKind.NULL, BinKind.NAN, BinKind.NEG_INF, BinKind.POS_INF, BinKind.INVALID)


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin as it is published; None where a field does not apply or an end is open."""

    kind: BinKind
    label: str
    group: int
    lower: float | None = None
    upper: float | None = None
    value: float | str | None = None
    bucket: int | None = None
    mean: float | None = None


@dataclass(frozen=True, eq=False)
class NumericBins:
    """K finite bins, ascending and without a hole, then the bins of NUMERIC_RESERVED.

    Arrays of shape (K,): a range is `lower < x <= upper` with infinite outer ends; where `is_value` holds, lower
    and upper are both the value. Lawless bounds raise ValueError.
    """

    lower: Doubles
    upper: Doubles
    is_value: NDArray[np.bool_]
    cuts: Doubles = field(init=False)

    def __post_init__(self) -> None:
        """Check the bounds and turn them into cuts: x lies in bin `sum(cuts < x)`."""
        # Adding zero turns -0.0 into 0.0, so that equal bounds are written alike.
        lower, upper = np.asarray(self.lower, np.float64) + 0.0, np.asarray(self.upper, np.float64) + 0.0
        is_value = np.asarray(self.is_value, np.bool_)
        _check(lower, upper, is_value)
        cuts = upper[:-1].copy()
        before_value = is_value[1:] & ~is_value[:-1]
        with np.errstate(over="ignore", under="ignore"):
            cuts[before_value] = np.nextafter(cuts[before_value], -np.inf)
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)
        object.__setattr__(self, "is_value", is_value)
        object.__setattr__(self, "cuts", cuts)

    @classmethod
    def between(cls, edges: Doubles, values: Doubles) -> "NumericBins":
        """Make ranges that end at each of the edges, and a bin of its own for each of the values."""
        own = np.unique(np.asarray(values, np.float64) + 0.0)
        ends = np.unique(np.concatenate([np.asarray(edges, np.float64) + 0.0, own]))
        lower, upper, is_value = [-np.inf], [], []
        for end in ends.tolist():
            upper.append(end)
            is_value.append(False)
            if end in own:
                lower.append(end)
                upper.append(end)
                is_value.append(True)
            lower.append(end)
        return cls(np.array(lower), np.array([*upper, np.inf]), np.array([*is_value, False]))

    @property
    def finite(self) -> int:
        """K, the number of finite bins."""
        return len(self.lower)

    @property
    def size(self) -> int:
        """The number of all bins."""
        return self.finite + len(NUMERIC_RESERVED)

    @cached_property
    def lookup(self) -> Lookup:
        """The search structure, built when first needed."""
        return Lookup.build(self.cuts)

    @cached_property
    def _pack(self) -> Pack:
        return Pack.of([self.lookup], [0])

    def index(self, values: Doubles, state: NDArray[np.uint8] | None = None) -> Indices:
        """Give every row its bin number; any double and any state is lawful."""
        pack = self._pack
        values = np.ascontiguousarray(values, dtype=np.float64)
        out = np.empty(len(values), dtype=np.intp)
        scratch = np.empty((1, min(CHUNK, len(values))))
        for start in range(0, len(values), CHUNK):
            x, places = values[None, start : start + CHUNK], out[None, start : start + CHUNK]
            with np.errstate(over="ignore", invalid="ignore"):
                pack.place(x, scratch=scratch[:, : x.shape[1]], out=places)
            special = ~np.isfinite(x)
            if special.any():
                places[special] = reserved_of(x[special]) + self.finite
        if state is not None:
            out[state == NULL] = self.finite
            out[state == INVALID] = self.size - 1
        return out

    def describe(self, groups: list[int], means: list[float | None]) -> list[Bin]:
        """Publish every bin with its group; `means` are those of the finite bins."""
        published = []
        for b, (lower, upper, own) in enumerate(zip(self.lower, self.upper, self.is_value, strict=True)):
            low, high = _end(lower), _end(upper)
            if own:
                label = f"= {labels.number(upper)}"
                published.append(Bin(BinKind.VALUE, label, groups[b], value=high, mean=means[b]))
            else:
                closed = not (b + 1 < self.finite and bool(self.is_value[b + 1]))
                label = labels.interval(lower, upper, closed=closed)
                published.append(Bin(BinKind.RANGE, label, groups[b], lower=low, upper=high, mean=means[b]))
        reserved = zip(NUMERIC_RESERVED, groups[self.finite :], strict=True)
        return published + [Bin(kind, kind.value, group) for kind, group in reserved]


def reserved_of(special: Doubles) -> Indices:
    """Place of NaN, -inf and +inf among NUMERIC_RESERVED."""
    return 1 + (special < 0).astype(np.intp) + 2 * (special > 0)


def _end(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None


def _check(lower: Doubles, upper: Doubles, is_value: NDArray[np.bool_]) -> None:
    if not (lower.ndim == 1 and len(lower) and lower.shape == upper.shape == is_value.shape):
        raise ValueError("finite bins need a lower and an upper bound each")
    inner = np.concatenate([lower[1:], upper[:-1]])
    if lower[0] != -np.inf or upper[-1] != np.inf or not np.isfinite(inner).all():
        raise ValueError("the first and the last finite bin must be open, all others closed")
    if is_value[0] or is_value[-1] or any(a and b for a, b in pairwise(is_value.tolist())):
        raise ValueError("a value bin must lie between two ranges")
    if (lower[1:] != upper[:-1]).any():
        raise ValueError("finite bins must meet without overlap or hole")
    if (lower[~is_value] >= upper[~is_value]).any() or (lower[is_value] != upper[is_value]).any():
        raise ValueError("a range must ascend and a value have equal bounds")
