"""What a derived suite lets pass and what it does not."""

from typing import Any

import numpy as np

from app.drift.baseline import Baseline, BinnedFeature
from app.drift.bins import NumericBins
from app.drift.columns import Kind, Role
from app.quality.derive import derive
from app.quality.exact import Counted, Outcome, decide

BINS = NumericBins.between(np.arange(1.0, 10.0), np.zeros(0))


def counts(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A window of these values."""
    found = np.zeros(BINS.size, np.int64)
    np.add.at(found, BINS.index(values), 1)
    return found


def judged(windows: list[np.ndarray[Any, Any]], window: np.ndarray[Any, Any]) -> dict[str, Outcome | None]:
    """What a suite derived from windows says of another one."""
    total = np.sum(windows, axis=0)
    baseline = Baseline.of([BinnedFeature("x", Kind.NUMERIC, Role.FEATURE, BINS)], total, int(total.sum()))
    seen = Counted(baseline, int(window.sum()), window, np.zeros(1))
    suite = derive(baseline, [np.array(windows)], name="s")
    return {one.type: decide(one, seen, textual=frozenset()) for one in suite.expectations}


def test_a_stuck_value_fails_although_some_windows_were_narrow() -> None:
    """A feature whose windows were once in a tenth of its range passes there again, and fails when one value is all."""
    rng = np.random.default_rng(3)
    windows = [counts(rng.uniform(0, 10, 200)) for _ in range(60)]
    narrow = counts(np.concatenate((rng.uniform(3, 5, 180), rng.uniform(0, 10, 20))))
    for window, passes in ((narrow, True), (windows[0], True), (counts(np.full(200, 3.5)), False)):
        found = judged([*windows, narrow], window)["expect_column_kl_divergence_to_be_less_than"]
        assert found is not None
        assert found.success is passes


def test_where_ordinary_windows_hold_one_value_each_that_is_ordinary() -> None:
    """The line is never drawn below what the baseline's own windows did."""
    windows = [counts(np.full(200, n % 10 + 0.5)) for n in range(60)]
    found = judged(windows, windows[7])["expect_column_kl_divergence_to_be_less_than"]
    assert found is not None
    assert found.success
