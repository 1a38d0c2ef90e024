"""The settings under which a version is judged."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pytest

from app.drift.baseline import Baseline, BinnedFeature
from app.drift.categories import CategoricalBins
from app.drift.columns import Kind, Role
from app.drift.context import HOUR_US
from app.monitor.configuration import Configuration
from app.monitor.lines import Lines
from app.monitor.rulebook import Rulebook, budget_line
from app.storage.thresholds import StoredThreshold

BINS: Final = CategoricalBins(("a",), known=np.zeros(0, np.uint64), known_exact=True)
BASELINE: Final = Baseline.of(
    [BinnedFeature(name, Kind.CATEGORICAL, Role.FEATURE, BINS) for name in ("x", "y")],
    np.array([1, *[0] * (BINS.size - 1)] * 2),
    1,
)
BEFORE: Final = Configuration()


def rulebook(
    *stored: StoredThreshold, configuration: Configuration = BEFORE, version: str = "v1", min_rows: int = 30
) -> Rulebook:
    """The rules of a version."""
    lines = Lines(stored, page=budget_line(configuration, 2))
    return Rulebook.of(configuration, BASELINE, lines=lines, version=version, min_rows=min_rows)


def drawn(
    statistic: str, critical: Any, *, feature: str | None = None, version: str | None = None, warning: Any = None
) -> StoredThreshold:
    """A threshold as it is stored."""
    return StoredThreshold(statistic, feature, version, warning, critical)


def test_budget_line() -> None:
    """Two features, 720 hours a month and 1 page: log10(1440); ten times the pages, one less."""
    assert budget_line(BEFORE, 2) == pytest.approx(np.log10(1440), abs=1e-12)
    assert budget_line(replace(BEFORE, pages_per_month=10.0), 2) == pytest.approx(np.log10(144), abs=1e-12)
    assert budget_line(BEFORE, 0) == budget_line(BEFORE, 1)


def test_lines_of_evidence() -> None:
    """Evidence has the budget's line, one of its own, or none; a plain line of a ratio takes its evidence away."""
    page = budget_line(BEFORE, 2)
    book = rulebook(
        drawn("evidence", {"mode": "fixed", "value": 7.0}, feature="x"),
        drawn("null_ratio", {"mode": "fixed", "value": 0.5}, feature="y"),
        drawn("unseen_ratio", None),
        drawn("volume", None),
    )
    lines = book.settings.lines
    assert lines is not None
    assert lines.tolist() == [[7.0, page], [page, np.inf], [np.inf, np.inf], [page, page]]
    assert book.settings.volume_line == np.inf
    assert book.fixed("null_ratio").tolist()[1] == 0.5
    assert np.isnan(book.fixed("null_ratio")[0])


def test_probabilities() -> None:
    """The default warning is 0.01; a set one holds for its feature and version alone."""
    stored = drawn("psi", {"mode": "calibrated", "p": 0.001}, feature="x", version="v1")
    book = rulebook(stored)
    assert book.critical_p("psi")[0] == 0.001
    assert np.isnan(book.critical_p("psi")[1])
    assert np.isnan(book.warning_p("psi")[0])
    assert book.warning_p("psi")[1] == 0.01
    assert np.isnan(rulebook(stored, version="v2").critical_p("psi")).all()


@pytest.mark.parametrize(
    "other",
    [
        rulebook(drawn("psi", {"mode": "fixed", "value": 0.25})),
        rulebook(drawn("volume", {"mode": "fixed", "value": 9.0})),
        rulebook(drawn("ks", {"mode": "calibrated", "p": 0.5}, feature="y")),
        rulebook(drawn("evidence", None, version="v1")),
        rulebook(drawn("null_ratio", None)),
        rulebook(configuration=replace(BEFORE, pages_per_month=2.0)),
        rulebook(configuration=replace(BEFORE, timezone="Europe/Berlin")),
        rulebook(configuration=replace(BEFORE, window=HOUR_US // 2)),
        rulebook(min_rows=31),
        rulebook(drawn("psi", None, warning={"mode": "calibrated", "p": 0.001})),
    ],
)
def test_digest_of_other_decisions(other: Rulebook) -> None:
    """Whatever could open or close an episode, or moves a calibrated line, gives another digest."""
    assert other.digest() != rulebook().digest()


@pytest.mark.parametrize(
    "same",
    [
        rulebook(),
        rulebook(drawn("js", None, warning={"mode": "fixed", "value": 0.1})),
        rulebook(drawn("psi", {"mode": "fixed", "value": 0.25}, version="v2")),
        rulebook(drawn("psi", {"mode": "fixed", "value": 0.25}, feature="z")),
        rulebook(configuration=replace(BEFORE, late_horizon=0, time_column="at", version_column="arm")),
    ],
)
def test_digest_of_the_same_decisions(same: Rulebook) -> None:
    """Fixed warnings, other versions, other features and how rows are read change no episode."""
    assert same.digest() == rulebook().digest()
