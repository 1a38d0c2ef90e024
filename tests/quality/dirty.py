"""Rows as they come: missing, infinite, of many categories; and what people expect of them."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from app.drift.baseline import Baseline
from app.drift.columns import Kind, Role
from app.drift.counting import count
from app.drift.fit import Fit
from app.quality.exact import Counted
from app.wire.values import categorical, numeric

KINDS: Final = {
    "delay": Kind.NUMERIC,
    "fee": Kind.NUMERIC,
    "seats": Kind.NUMERIC,
    "carrier": Kind.CATEGORICAL,
    "tail": Kind.CATEGORICAL,
}
CARRIERS: Final = ("UA", "B6", "EV", "DL", "AA")


def rows(count_: int, *, seed: int, strange: bool = False) -> dict[str, list[Any]]:
    """Columns of a day at an airport; strange days have carriers and values that nobody has seen."""
    rng = np.random.default_rng(seed)
    delay = np.round(rng.gamma(2, 12, count_) - 12)
    carrier = rng.choice([*CARRIERS, "ZZ"] if strange else CARRIERS, count_)
    fee = rng.choice([0.0, 2.5, 4.0], count_, p=[0.6, 0.3, 0.1]) + (rng.random(count_) < 0.1) * rng.random(count_)
    columns: dict[str, list[Any]] = {
        "delay": delay.tolist(),
        "fee": fee.tolist(),
        "seats": rng.integers(20, 400, count_).tolist(),
        "carrier": carrier.tolist(),
        "tail": [f"N{number}" for number in rng.integers(100, 1500, count_).tolist()],
    }
    for place in np.flatnonzero(rng.random(count_) < 0.07).tolist():
        columns["delay"][place] = None
    for place in np.flatnonzero(rng.random(count_) < 0.02).tolist():
        columns["fee"][place] = float("nan") if place % 2 else None
    for place in np.flatnonzero(rng.random(count_) < 0.03).tolist():
        columns["carrier"][place] = None
    if strange:
        columns["delay"][0], columns["delay"][1] = float("inf"), float("-inf")
    return columns


def counted(columns: Mapping[str, list[Any]], baseline: Baseline) -> Counted:
    """The counts of columns on a baseline's bins."""
    read = _read(columns)
    size = len(columns["delay"])
    found = count(baseline, read, np.zeros(size, np.int64), 1)
    return Counted(baseline, size, found.counts[0], found.sums[0])


def baseline_of(columns: Mapping[str, list[Any]]) -> Baseline:
    """A baseline of one window."""
    size = len(columns["delay"])
    fit = Fit([(name, kind, Role.FEATURE) for name, kind in KINDS.items()])
    fit.add(_read(columns), size)
    tally = fit.freeze()
    tally.add(_read(columns), np.zeros(size, np.int64), 1)
    return tally.finish()


def frame(columns: Mapping[str, list[Any]]) -> pd.DataFrame:
    """The frame that a person makes of them."""
    return pd.DataFrame(dict(columns))


def _read(columns: Mapping[str, list[Any]]) -> dict[str, Any]:
    return {name: (numeric if kind is Kind.NUMERIC else categorical)(columns[name]) for name, kind in KINDS.items()}
