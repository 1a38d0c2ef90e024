"""Samples of many features at once against one for each."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.drift.bins import NumericBins
from app.drift.columns import NULL, VALUE, Block, Column, Kind, NumericColumn, Role
from app.drift.fit import Fit
from app.drift.sample import NumericSample, row_hashes

FEATURES = 5
LARGEST = 1.7976931348623157e308


@given(
    chunks=st.lists(st.tuples(st.integers(0, 900), st.integers(0, FEATURES)), min_size=1, max_size=8),
    breaks=st.lists(st.tuples(st.integers(0, FEATURES - 1), st.integers(0, 3000), st.sampled_from("n0i-")), max_size=6),
    seed=st.integers(0, 99),
)
@settings(max_examples=150, deadline=None)
def test_together_and_apart_agree(chunks: list[tuple[int, int]], breaks: list[tuple[int, int, str]], seed: int) -> None:
    """Whatever is missing when, and whatever part of the features comes as a block: bins and scale to the bit."""
    rows = sum(size for size, _ in chunks)
    rng = np.random.default_rng(seed)
    values = np.round(rng.normal(size=(FEATURES, rows)), 2) * np.array([1, 0, 1e-9, -0.0, 1e3])[:, None]
    values[4] = np.where(rng.random(rows) < 0.5, LARGEST, -LARGEST / 2)
    state = np.zeros((FEATURES, rows), np.uint8)
    for feature, row, what in breaks:
        if row < rows:
            values[feature, row] = {"n": np.nan, "0": 0.0, "i": np.inf, "-": -np.inf}[what]
            state[feature, row] = NULL if what == "0" else VALUE
    alone = [NumericSample(1000) for _ in range(FEATURES)]
    fit = Fit([(f"f{f}", Kind.NUMERIC, Role.FEATURE) for f in range(FEATURES)])
    fit._together._cap, fit._together._step = 1000, 250
    fit._together._hashes = fit._together._hashes[:1250]
    for sketch in fit._sketches:
        assert isinstance(sketch, NumericSample)
        sketch.cap = 1000
    at = 0
    for size, blocked in chunks:
        some = slice(at, at + size)
        hashes = row_hashes(at, size)
        at += size
        columns: dict[str, Column] = {}
        held: dict[str, int] = {}
        for f in range(FEATURES):
            own = state[f, some]
            kept = own == VALUE
            alone[f].add(values[f, some][kept], hashes[kept])
            if f < blocked and kept.all():
                held[f"f{f}"] = f
            else:
                columns[f"f{f}"] = NumericColumn(values[f, some], None if kept.all() else own)
        fit.add(columns, size, block=Block(held, values[:, some]) if held else None)
    for found, sample in zip(fit.freeze().layout.features, alone, strict=True):
        bins = sample.bins()
        assert isinstance(found.bins, NumericBins)
        assert repr(found.bins.describe([0] * bins.size, [None] * bins.size)) == repr(
            bins.describe([0] * bins.size, [None] * bins.size)
        )
        assert found.scale == sample.scale()
