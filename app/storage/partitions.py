"""The features and bins of a stored baseline."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, insert, select, text

from app.drift.baseline import Baseline, BinnedFeature
from app.drift.bins import BinKind, NumericBins
from app.drift.bloom import Bloom
from app.drift.categories import CategoricalBins
from app.drift.columns import Kind, Role
from app.storage import tables

_MARK: Final = b"bits"
_HASH_BYTES: Final = 8

_BINS = text("""
    SELECT position, array_agg(kind ORDER BY bin) AS kinds, array_agg(lower ORDER BY bin) AS lowers,
           array_agg(upper ORDER BY bin) AS uppers, array_agg(value_number ORDER BY bin) AS numbers,
           array_agg(value_text ORDER BY bin) AS texts, array_agg(mean ORDER BY bin) AS means,
           array_agg(count ORDER BY bin) AS counts, array_agg("group" ORDER BY bin) AS groups
    FROM bin WHERE baseline_id = :baseline GROUP BY position
""")
_BIN_COLUMNS = (
    "baseline_id",
    "position",
    "bin",
    "kind",
    "label",
    '"group"',
    "lower",
    "upper",
    "value_number",
    "value_text",
    "bucket",
    "mean",
    "count",
)


def write(conn: Connection, baseline_id: int, baseline: Baseline) -> None:
    """Store a baseline's features and bins."""
    features = [_feature_row(baseline, f) | {"baseline_id": baseline_id} for f in range(len(baseline.features))]
    if features:
        conn.execute(insert(tables.baseline_feature), features)
    driver: Any = conn.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY bin ({', '.join(_BIN_COLUMNS)}) FROM STDIN") as copy:
        for f in range(len(baseline.features)):
            counts = baseline.counts[baseline.slice_of(f)].tolist()
            for place, (own, count) in enumerate(zip(baseline.bins_of(f), counts, strict=True)):
                number = own.value if isinstance(own.value, float) else None
                words = own.value if isinstance(own.value, str) else None
                copy.write_row((
                    baseline_id, f, place, own.kind.value, own.label, own.group, own.lower, own.upper, number, words,
                    own.bucket, own.mean, count,
                ))  # fmt: skip


def read(conn: Connection, baseline_id: int, *, rows: int) -> Baseline:
    """Read a baseline's features and bins."""
    columns = tables.baseline_feature.c
    features = conn.execute(
        select(tables.baseline_feature).where(columns.baseline_id == baseline_id).order_by(columns.position)
    ).all()
    bins = {row.position: row for row in conn.execute(_BINS, {"baseline": baseline_id})}
    counts = [bins[row.position].counts for row in features]
    return Baseline(
        features=tuple(_feature(row, bins[row.position]) for row in features),
        offsets=np.cumsum([0, *(row.bins for row in features)]).astype(np.int64),
        counts=np.array([count for part in counts for count in part], np.int64),
        rows=rows,
        groups=np.array([group for row in features for group in bins[row.position].groups], np.int64),
    )


def _feature_row(baseline: Baseline, f: int) -> dict[str, object]:
    feature = baseline.features[f]
    place = baseline.slice_of(f)
    categorical = feature.bins if isinstance(feature.bins, CategoricalBins) else None
    return {
        "position": f,
        "name": feature.name,
        "kind": feature.kind.value,
        "role": feature.role.value,
        "first_bin": place.start,
        "bins": place.stop - place.start,
        "scale": feature.scale,
        "known": None if categorical is None else _known(categorical),
        "known_count": feature.known_count,
        "known_exact": None if categorical is None else categorical.known_exact,
        "singletons": feature.singletons,
    }


def _feature(row: Row[Any], bins: Row[Any]) -> BinnedFeature:
    finite = [kind in {BinKind.RANGE, BinKind.VALUE, BinKind.CATEGORY} for kind in bins.kinds].count(True)
    means = None
    partition: NumericBins | CategoricalBins
    if row.kind == Kind.CATEGORICAL:
        partition = _categorical(tuple(bins.texts[:finite]), bytes(row.known), exact=row.known_exact)
    else:
        own = [kind == BinKind.VALUE for kind in bins.kinds[:finite]]
        partition = NumericBins(
            _bounds(bins.lowers, bins.numbers, own, open_end=-np.inf),
            _bounds(bins.uppers, bins.numbers, own, open_end=np.inf),
            np.array(own, np.bool_),
        )
        means = np.array([np.nan if mean is None else mean for mean in bins.means[:finite]])
    return BinnedFeature(
        name=row.name,
        kind=Kind(row.kind),
        role=Role(row.role),
        bins=partition,
        scale=row.scale,
        means=means,
        known_count=row.known_count,
        singletons=row.singletons,
    )


def _known(bins: CategoricalBins) -> bytes:
    """Write the known hashes, or a mark and their filter; the mark's length tells the two apart."""
    return bins.known.astype("<u8").tobytes() if bins.filter is None else _MARK + bins.filter.octets.tobytes()


def _categorical(categories: tuple[str, ...], known: bytes, *, exact: bool) -> CategoricalBins:
    if len(known) % _HASH_BYTES == len(_MARK) and known.startswith(_MARK):
        octets = np.frombuffer(known, np.uint8, offset=len(_MARK))
        return CategoricalBins(categories, np.zeros(0, np.uint64), known_exact=False, filter=Bloom(octets))
    return CategoricalBins(categories, np.frombuffer(known, "<u8").astype(np.uint64), known_exact=exact)


def _bounds(
    ends: Sequence[float | None], values: Sequence[float | None], own: Sequence[bool], *, open_end: float
) -> NDArray[np.float64]:
    pairs = zip(ends, values, own, strict=False)
    bounds = [value if is_value else end for end, value, is_value in pairs]
    return np.array([open_end if bound is None else bound for bound in bounds], np.float64)
