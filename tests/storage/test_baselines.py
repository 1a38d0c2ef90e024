"""Baselines as they are stored."""

import numpy as np
import pytest
from sqlalchemy import Connection

from app.drift.baseline import Baseline, BinnedFeature
from app.drift.bins import NumericBins
from app.drift.categories import CategoricalBins
from app.storage import baselines, models
from app.storage.baselines import Activation, active_at
from app.storage.windows import WindowCounts
from storage.books import HOUR_US, NOW_US, baseline, stocked

pytestmark = pytest.mark.postgres


def _told(feature: BinnedFeature) -> tuple[object, ...]:
    bins: tuple[object, ...]
    if isinstance(feature.bins, NumericBins):
        bins = (feature.bins.lower.tolist(), feature.bins.upper.tolist(), feature.bins.is_value.tolist())
    else:
        assert isinstance(feature.bins, CategoricalBins)
        bins = (feature.bins.categories, feature.bins.known.tolist(), feature.bins.known_exact)
    means = None if feature.means is None else [None if np.isnan(m) else m for m in feature.means]
    rest = (feature.name, feature.kind, feature.role, feature.scale, feature.known_count, feature.singletons)
    return (*rest, means, bins)


def test_what_goes_in_comes_out_equal(conn: Connection) -> None:
    """Bins, counts, groups, means and known categories survive to the last bit."""
    stored = baseline(numeric=12, edges=40, rows=100_003)
    _, info = stocked(conn, reference=stored)
    loaded = baselines.load(conn, info.id)
    assert [_told(feature) for feature in loaded.features] == [_told(feature) for feature in stored.features]
    assert loaded.rows == stored.rows
    for name in ("offsets", "counts", "groups"):
        assert getattr(loaded, name).tolist() == getattr(stored, name).tolist()
    assert [loaded.bins_of(f) for f in range(13)] == [stored.bins_of(f) for f in range(13)]


def test_a_baseline_without_features(conn: Connection) -> None:
    """A baseline may be empty of features."""
    _, info = stocked(conn, reference=Baseline.of((), np.zeros(0, np.int64), 7))
    assert baselines.load(conn, info.id).rows == 7


def test_an_unknown_baseline(conn: Connection) -> None:
    """There is nothing to load under an unknown id."""
    with pytest.raises(LookupError):
        baselines.load(conn, 99)


def test_numbers_count_up_for_each_model(conn: Connection) -> None:
    """Each model counts its baselines from 1, and the last activated one is active."""
    model, first = stocked(conn, "a")
    _, other = stocked(conn, "b")
    second = baselines.add(
        conn, model.id, baseline(seed=2), source="file", sha=b"\0\1", weeks=1.5, details={"rejected": 2}, now_us=NOW_US
    )
    assert (first.number, second.number, other.number) == (1, 2, 1)
    assert [info.active for info in baselines.listed(conn, model.id)] == [True, False]
    assert baselines.find(conn, model.id, 2) == second
    assert baselines.find(conn, model.id, 3) is None
    baselines.activate(conn, model.id, second.id, effective_from_us=5 * HOUR_US, now_us=NOW_US)
    held = baselines.find(conn, model.id, 2)
    assert held is not None
    assert held.active
    assert (held.activated_us, held.effective_from_us) == (NOW_US, 5 * HOUR_US)


def test_activation_touches_the_model_and_the_first_holds_for_ever(conn: Connection) -> None:
    """The first activation has no start; a later one starts where it is told."""
    model, first = stocked(conn)
    assert model.revision == 2
    second = baselines.add(conn, model.id, baseline(seed=2), source="file", now_us=NOW_US)
    baselines.activate(conn, model.id, second.id, effective_from_us=5 * HOUR_US, now_us=NOW_US + 1)
    assert baselines.schedule(conn, model.id) == (
        Activation(first.id, 1, None, NOW_US),
        Activation(second.id, 2, 5 * HOUR_US, NOW_US + 1),
    )
    assert models.revisions(conn)[model.id] == 3


@pytest.mark.parametrize(("start", "number"), [(-9, 1), (9, 1), (10, 2), (19, 2), (20, 1), (30, 4), (99, 4)])
def test_the_activation_of_a_window(start: int, number: int) -> None:
    """The latest start not after the window holds; of equal starts the later activation."""
    plan = [
        Activation(1, 1, None, 0),
        Activation(2, 2, 10, 1),
        Activation(1, 1, 20, 2),
        Activation(3, 3, 30, 3),
        Activation(4, 4, 30, 4),
    ]
    held = active_at(plan, start)
    assert held is not None
    assert held.number == number
    assert active_at([], start) is None


def test_baseline_windows(conn: Connection) -> None:
    """A baseline's own windows are read back in order, in chunks, in a range and in part."""
    _, info = stocked(conn)
    rng = np.random.default_rng(3)
    starts = np.arange(7, dtype=np.int64) * HOUR_US
    counts = rng.integers(0, 1000, (7, info.bins))
    sums = rng.normal(size=(7, info.feature_count))
    whole = WindowCounts(starts, counts.sum(1), counts, sums, np.zeros(7, np.int64))
    for part in (slice(3, 7), slice(0, 3), slice(0, 0)):
        cut = WindowCounts(starts[part], whole.rows[part], counts[part], sums[part], whole.revisions[part])
        baselines.add_windows(conn, info.id, cut)
    chunks = list(baselines.windows(conn, info.id, chunk=3))
    assert [len(chunk) for chunk in chunks] == [3, 3, 1]
    assert np.concatenate([chunk.starts for chunk in chunks]).tolist() == starts.tolist()
    assert np.concatenate([chunk.counts for chunk in chunks]).tolist() == counts.tolist()
    assert np.concatenate([chunk.sums for chunk in chunks]).tolist() == sums.tolist()
    (few,) = baselines.windows(conn, info.id, from_us=HOUR_US, to_us=3 * HOUR_US, bins=(5, 9), features=(1, 2))
    assert few.counts.tolist() == counts[1:3, 5:9].tolist()
    assert few.sums.tolist() == sums[1:3, 1:2].tolist()
    found = baselines.find(conn, info.model_id, 1)
    assert found is not None
    assert found.windows == 7
