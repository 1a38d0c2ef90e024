"""Windows scored and judged, as they are stored."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline
from app.drift.bins import NumericBins
from app.drift.floor import Floor, noise_floor
from app.drift.judgement import STATISTICS
from app.drift.normal import Normal
from app.drift.replay import Week
from app.drift.scores import Scores, Statistic, score
from app.drift.sums import settled
from app.monitor.layouts import layout_of
from app.monitor.lines import USUAL_P
from app.monitor.rulebook import Rulebook
from app.storage.scores import ScoredWindow, StatisticRow
from app.storage.windows import WindowCounts

Doubles = NDArray[np.float64]

MEAN: Final = "mean"
PSI_EXPECTED: Final = "psi_expected"
KS_EXPECTED: Final = "ks_expected"
HIDDEN: Final = frozenset({MEAN, PSI_EXPECTED, KS_EXPECTED})

SCORED: Final = 0
INSUFFICIENT_ROWS: Final = 1
CALIBRATING: Final = 2
STATUSES: Final = ("ok", "insufficient_rows", "calibrating")


def entries(  # noqa: PLR0913 - a stored window tells all of it
    baseline: Baseline,
    counted: WindowCounts,
    week: Week,
    *,
    rulebook: Rulebook,
    baseline_id: int,
    now_us: int,
) -> list[ScoredWindow]:
    """Put together all that is known of the windows of one week; those of too few rows get no numbers."""
    scored = score(baseline, counted.counts, counted.rows)
    means = mean(baseline, counted.counts, counted.sums)
    enough = counted.rows >= rulebook.settings.min_rows
    shared = _shared(week, rulebook, floor=_floor(baseline, scored, counted))
    return [
        ScoredWindow(
            start_us=int(counted.starts[w]),
            version=rulebook.version,
            baseline_id=baseline_id,
            rows=int(counted.rows[w]),
            revision=int(counted.revisions[w]),
            computed_us=now_us,
            statistics=_plain(scored, shared, w, enough=bool(enough[w]))
            | _judged(week, shared, w, rows=int(counted.rows[w]), enough=bool(enough[w]))
            | {MEAN: StatisticRow(means[w])},
        )
        for w in range(len(counted.starts))
    ]


def _floor(baseline: Baseline, scored: Scores, counted: WindowCounts) -> Floor:
    psi = scored.values[Statistic.PSI]
    return noise_floor(layout_of(baseline), psi, counted.rows, baseline_rows=baseline.rows)


def _shared(week: Week, rulebook: Rulebook, *, floor: Floor) -> Mapping[str, Doubles]:
    """Draw the lines and probabilities of all windows at once; before a calibration independent rows stand in."""
    judgement, calibration = week.judgement, week.calibration
    drawn: dict[str, Doubles] = {
        "psi_p": np.where(np.isnan(judgement.psi_p), floor.p, judgement.psi_p),
        "ks_p": judgement.ks_p,
        "ratio": np.where(np.isnan(judgement.ratio), floor.ratio, judgement.ratio),
    }
    for statistic, normal, expected in (
        ("psi", calibration.psi, judgement.psi_expected),
        ("ks", calibration.ks, judgement.ks_expected),
    ):
        for severity, p in (
            ("warning", rulebook.warning_p(statistic)),
            ("critical", rulebook.critical_p(statistic)),
        ):
            drawn[f"{statistic} {severity}"] = drawn_line(normal, p, expected)
    for s, statistic in enumerate(STATISTICS):
        drawn[f"{statistic}_p"] = judgement.p[s]
    return drawn


def drawn_line(normal: Normal, p: Doubles, expected: Doubles) -> Doubles:
    """Draw the lines of features at p, (F,), where `expected`, (W, F), is usual; NaN where p is."""
    undrawn = np.isnan(p)
    return np.where(undrawn, np.nan, normal.line(np.where(undrawn, USUAL_P, p), expected))


def _plain(scored: Scores, shared: Mapping[str, Doubles], w: int, *, enough: bool) -> dict[str, StatisticRow]:
    found: dict[str, StatisticRow] = {}
    for statistic, values in scored.values.items():
        name = statistic.value
        own = values[w]
        p = shared[f"{name}_p"][w] if f"{name}_p" in shared else None
        if statistic is Statistic.KS:
            p = np.where(np.isnan(shared["ks_p"][w]), scored.ks_p[w], shared["ks_p"][w])
        found[name] = StatisticRow(
            values=_shown(own, enough=enough),
            high=_shown(scored.ks_high[w], enough=enough) if statistic is Statistic.KS else None,
            p_values=None if p is None else _shown(np.where(np.isnan(own), np.nan, p), enough=enough),
            status=np.where(np.isnan(own) | enough, SCORED, INSUFFICIENT_ROWS).astype(np.int16),
            warning=shared[f"{name} warning"][w] if f"{name} warning" in shared else None,
            critical=shared[f"{name} critical"][w] if f"{name} critical" in shared else None,
        )
    return found


def _judged(week: Week, shared: Mapping[str, Doubles], w: int, *, rows: int, enough: bool) -> dict[str, StatisticRow]:
    calibrated = week.calibration.calibrated
    waiting = np.where(calibrated, SCORED, CALIBRATING) if enough else np.full(len(calibrated), INSUFFICIENT_ROWS)
    judgement = week.judgement
    return {
        Statistic.EVIDENCE.value: StatisticRow(
            values=_shown(week.evidence[0, w], enough=enough),
            p_values=shared["evidence_p"][w],
            status=waiting.astype(np.int16),
        ),
        Statistic.RATIO.value: StatisticRow(
            values=_shown(shared["ratio"][w], enough=enough), status=waiting.astype(np.int16)
        ),
        Statistic.VOLUME.value: StatisticRow(
            values=np.array([float(rows)]),
            p_values=judgement.volume_p[w : w + 1].astype(np.float64),
            status=np.array([SCORED if enough else INSUFFICIENT_ROWS], np.int16),
        ),
        PSI_EXPECTED: StatisticRow(judgement.psi_expected[w]),
        KS_EXPECTED: StatisticRow(judgement.ks_expected[w]),
    }


def _shown(values: Doubles, *, enough: bool) -> Doubles:
    return values if enough else np.full_like(values, np.nan)


def mean(baseline: Baseline, counts: NDArray[np.int64], sums: Doubles) -> Doubles:
    """Give the mean of the finite values of each numeric feature, NaN without any; shape (windows, features)."""
    finite = np.zeros(sums.shape)
    for position, feature in enumerate(baseline.features):
        if isinstance(feature.bins, NumericBins):
            first = int(baseline.offsets[position])
            finite[:, position] = counts[:, first : first + feature.bins.finite].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return settled(np.where(finite > 0, sums / finite, np.nan))
