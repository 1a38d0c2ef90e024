"""What is broken on purpose: one feature for seven days, by little, more or much."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from alerts.streams import DAY_US, WEEK_US, Stream, times_of
from numpy.typing import NDArray

SIZES: Final = ("small", "medium", "large")
LASTING_US: Final = WEEK_US
UNSEEN: Final = "never seen before"
NORMAL_IQR: Final = 1.349
KILOMETRES: Final = 1.609

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Normal:
    """What a feature usually is: centre, robust standard deviation and grain, or its two commonest categories."""

    centre: float = 0.0
    spread: float = 1.0
    digits: int | None = None
    common: tuple[str, str] = ("", "")


Change = Callable[[pa.ChunkedArray, Normal, np.random.Generator], Any]


@dataclass(frozen=True, slots=True)
class Shift:
    """A way in which a feature breaks, and whether that is small, medium or large."""

    kind: str
    size: str
    change: Change


@dataclass(frozen=True, slots=True)
class Injection:
    """One broken feature of one version of the stream, from an onset for seven days."""

    version: str
    feature: str
    shift: Shift
    onset_us: int


def _numbers(change: Callable[[Doubles, Normal], Doubles]) -> Change:
    def apply(column: pa.ChunkedArray, normal: Normal, _: np.random.Generator) -> Any:
        values = change(column.to_numpy().astype(float), normal)
        return pa.array(values if normal.digits is None else np.round(values, normal.digits), from_pandas=True)

    return apply


def _some(share: float, value: Callable[[Normal], object]) -> Change:
    def apply(column: pa.ChunkedArray, normal: Normal, random: np.random.Generator) -> Any:
        hit = pa.array(random.random(len(column)) < share)
        return pc.if_else(hit, pa.scalar(value(normal), column.type), column)

    return apply


def _swapped(column: pa.ChunkedArray, normal: Normal, _: np.random.Generator) -> Any:
    first, second = normal.common
    is_first, is_second = pc.equal(column, first), pc.equal(column, second)
    return pc.if_else(is_first, second, pc.if_else(is_second, first, column))


def _location(by: float) -> Change:
    return _numbers(lambda values, normal: values + by * normal.spread)


def _scale(by: float) -> Change:
    return _numbers(lambda values, normal: normal.centre + by * (values - normal.centre))


NULLS: Final = tuple(
    Shift("null", size, _some(share, lambda _: None)) for size, share in zip(SIZES, (0.02, 0.05, 0.2), strict=True)
)
NUMERIC: Final = (
    *(Shift("location", size, _location(by)) for size, by in zip(SIZES, (0.1, 0.25, 1.0), strict=True)),
    Shift("scale", "small", _scale(1.25)),
    Shift("scale", "large", _scale(2.0)),
    Shift("unit", "medium", _numbers(lambda values, _: values * KILOMETRES)),
    *(
        Shift("stuck", size, _some(share, lambda normal: normal.centre))
        for size, share in zip(SIZES, (0.02, 0.05, 0.2), strict=True)
    ),
    *NULLS,
)
CATEGORICAL: Final = (
    *(
        Shift("unseen", size, _some(share, lambda _: UNSEEN))
        for size, share in zip(SIZES, (0.02, 0.05, 0.2), strict=True)
    ),
    *NULLS,
    Shift("swap", "medium", _swapped),
)


def normals(stream: Stream) -> dict[str, Normal]:
    """What each feature is in the reference."""
    found = {}
    for name, kind in stream.kinds.items():
        column = stream.reference.column(name)
        if kind == "categorical":
            counted = sorted(column.value_counts().to_pylist(), key=lambda one: -one["counts"])
            found[name] = Normal(common=(counted[0]["values"], counted[1]["values"]))
            continue
        values = column.drop_null().to_numpy().astype(float)
        low, centre, high = np.quantile(values, [0.25, 0.5, 0.75], method="nearest").tolist()
        digits = next((n for n in (0, 2) if np.allclose(values, np.round(values, n), rtol=0, atol=1e-9)), None)
        found[name] = Normal(centre, max((high - low) / NORMAL_IQR, 1e-9), digits)
    return found


def planned(stream: Stream, *, weeks: int, seed: int) -> list[Injection]:
    """Every shift of every feature once, in as few versions as need be, each from an hour of its own."""
    random = np.random.default_rng(seed)
    last = (weeks * WEEK_US - LASTING_US) // stream.length_us
    first = DAY_US // stream.length_us
    made = []
    for name, kind in stream.kinds.items():
        for number, shift in enumerate(CATEGORICAL if kind == "categorical" else NUMERIC):
            onset = stream.watched_from_us + int(random.integers(first, last)) * stream.length_us
            made.append(Injection(f"broken {number}", name, shift, onset // stream.length_us * stream.length_us))
    return made


def broken(rows: pa.Table, injections: list[Injection], usual: dict[str, Normal], *, seed: int) -> pa.Table:
    """The rows of one version with all its injections."""
    times = times_of(rows)
    for number, one in enumerate(injections):
        low, high = np.searchsorted(times, [one.onset_us, one.onset_us + LASTING_US])
        column = rows.column(one.feature)
        random = np.random.default_rng((seed, number))
        spoilt = one.shift.change(column.slice(low, high - low), usual[one.feature], random)
        whole = [*column.slice(0, low).chunks, *_chunks(spoilt, column.type), *column.slice(high).chunks]
        place = rows.schema.get_field_index(one.feature)
        rows = rows.set_column(place, one.feature, pa.chunked_array(whole, column.type))
    return rows


def _chunks(values: Any, kind: pa.DataType) -> list[pa.Array]:
    cast = values.cast(kind, safe=False)
    return list(cast.chunks) if isinstance(cast, pa.ChunkedArray) else [cast]
