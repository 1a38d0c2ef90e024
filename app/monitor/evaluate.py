"""The road of a window: folded counts, scores, gauges."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline
from app.drift.bins import NumericBins
from app.drift.scores import Scores, Statistic, score
from app.monitor.catalog import Watched
from app.monitor.gauges import publish
from app.monitor.service import Service
from app.monitor.standing import MEAN
from app.storage import exposition, fold, scores, windows
from app.storage.scores import ScoredWindow, StatisticRow
from app.storage.windows import WindowCounts, WindowRow

CHUNK = 64
STATUSES = ("ok", "insufficient_rows")
SCORED = 0
INSUFFICIENT_ROWS = 1


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How much one evaluation did."""

    windows: int
    scores: int


def fold_all(service: Service, model_id: int) -> int:
    """Fold the model's journal until nothing is left or another replica is at it."""
    total = 0
    while True:
        with service.database.transaction() as conn:
            folded = fold.fold_model(conn, model_id, now_us=service.now_us())
        if not folded:
            return total
        total += folded


def closed_before(service: Service, watched: Watched) -> int:
    """Give the instant before which a window must start to be closed by now."""
    return service.now_us() - service.policy.close_delay_us - watched.configuration.window + 1


def evaluate_dirty(service: Service, watched: Watched) -> Evaluation:
    """Score every closed window that changed since it was scored."""
    fold_all(service, watched.id)
    with service.database.snapshot() as conn:
        rows = windows.dirty(conn, watched.id, start_before_us=closed_before(service, watched))
    return _evaluate(service, watched, rows)


def evaluate_range(
    service: Service, watched: Watched, *, from_us: int | None = None, to_us: int | None = None
) -> Evaluation:
    """Score every closed window of a range that has rows, changed or not."""
    fold_all(service, watched.id)
    before = closed_before(service, watched)
    with service.database.snapshot() as conn:
        rows = windows.listed(conn, watched.id, from_us=from_us, to_us=min(before, to_us or before))
    return _evaluate(service, watched, rows)


def evaluate_now(
    service: Service, watched: Watched, *, from_us: int | None = None, to_us: int | None = None
) -> Evaluation:
    """Score a range and show it on /metrics before answering."""
    done = evaluate_range(service, watched, from_us=from_us, to_us=to_us)
    service.instruments.evaluated(watched.model.name, at_us=service.now_us())
    publish(service)
    return done


def _evaluate(service: Service, watched: Watched, rows: Sequence[WindowRow]) -> Evaluation:
    count = values = 0
    for (version, baseline_id), group in groupby(sorted(rows, key=_place), key=lambda row: _place(row)[:2]):
        baseline = service.catalog.baseline(baseline_id)
        starts = np.array([row.start_us for row in group], np.int64)
        for chunk in _counts(service, watched, starts, version=version, baseline_id=baseline_id):
            scored = entries(
                baseline,
                chunk,
                version=version,
                baseline_id=baseline_id,
                min_rows=service.policy.min_rows,
                now_us=service.now_us(),
            )
            with service.database.transaction() as conn:
                scores.save_many(conn, watched.id, scored)
                exposition.bump(conn)
            count += len(scored)
            values += sum(int(np.isfinite(row.values).sum()) for one in scored for row in one.statistics.values())
    return Evaluation(count, values)


def _place(row: WindowRow) -> tuple[str, int, int]:
    return row.version, row.baseline_id, row.start_us


def _counts(
    service: Service, watched: Watched, starts: NDArray[np.int64], *, version: str, baseline_id: int
) -> Iterator[WindowCounts]:
    """Read the counts of the given windows, in their order, a few at a time."""
    for first in range(0, len(starts), CHUNK):
        wanted = starts[first : first + CHUNK]
        with service.database.snapshot() as conn:
            for chunk in windows.counts(
                conn,
                watched.id,
                baseline_id=baseline_id,
                version=version,
                from_us=int(wanted[0]),
                to_us=int(wanted[-1]) + 1,
                chunk=CHUNK,
            ):
                mine = np.isin(chunk.starts, wanted)
                yield WindowCounts(
                    chunk.starts[mine], chunk.rows[mine], chunk.counts[mine], chunk.sums[mine], chunk.revisions[mine]
                )


def entries(  # noqa: PLR0913 - a stored window tells all of it
    baseline: Baseline,
    chunk: WindowCounts,
    *,
    version: str,
    baseline_id: int,
    min_rows: int,
    now_us: int,
) -> list[ScoredWindow]:
    """Score windows of one baseline and version, ready to be stored; those of too few rows get no numbers."""
    scored = score(baseline, chunk.counts, chunk.rows)
    means = mean(baseline, chunk.counts, chunk.sums)
    return [
        ScoredWindow(
            start_us=int(chunk.starts[one]),
            version=version,
            baseline_id=baseline_id,
            rows=int(chunk.rows[one]),
            revision=int(chunk.revisions[one]),
            computed_us=now_us,
            statistics=_statistics(scored, means, one, rows=int(chunk.rows[one]), enough=chunk.rows[one] >= min_rows),
        )
        for one in range(len(chunk.starts))
    ]


def _statistics(
    scored: Scores, means: NDArray[np.float64], one: int, *, rows: int, enough: bool
) -> dict[str, StatisticRow]:
    rows_of: dict[str, StatisticRow] = {}
    for statistic, values in scored.values.items():
        applies = ~np.isnan(values[one])
        status = np.where(applies & (not enough), INSUFFICIENT_ROWS, SCORED).astype(np.int16)
        is_ks = statistic is Statistic.KS
        rows_of[statistic.value] = StatisticRow(
            values=_shown(values[one], enough=enough),
            high=_shown(scored.ks_high[one], enough=enough) if is_ks else None,
            p_values=_shown(scored.ks_p[one], enough=enough) if is_ks else None,
            status=status,
            warning=None,
            critical=None,
        )
    rows_of[Statistic.VOLUME.value] = StatisticRow(
        values=np.array([float(rows)]), high=None, p_values=None, status=None, warning=None, critical=None
    )
    rows_of[MEAN] = StatisticRow(values=means[one], high=None, p_values=None, status=None, warning=None, critical=None)
    return rows_of


def _shown(values: NDArray[np.float64], *, enough: bool) -> NDArray[np.float64]:
    return values if enough else np.full_like(values, np.nan)


def mean(baseline: Baseline, counts: NDArray[np.int64], sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the mean of the finite values of each numeric feature, NaN without any; shape (windows, features).

    Rounded to twelve significant digits, because the last ones of a sum depend on the order of its rows.
    """
    finite = np.zeros(sums.shape)
    for position, feature in enumerate(baseline.features):
        if isinstance(feature.bins, NumericBins):
            first = int(baseline.offsets[position])
            finite[:, position] = counts[:, first : first + feature.bins.finite].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        raw = np.where(finite > 0, sums / finite, np.nan)
        digits = 10.0 ** (11 - np.floor(np.log10(np.abs(raw))))
        rounded = np.rint(raw * digits) / digits
    return np.where(np.isfinite(rounded), rounded, raw)
