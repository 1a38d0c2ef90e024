"""How many different categories a window held, and which of them are new."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline
from app.drift.categories import CategoricalBins
from app.drift.novelty import Novelty
from app.monitor.service import Service
from app.storage import novelties, windows
from app.storage.database import Connection
from app.storage.scores import ScoredWindow

SHOWN: Final = 20
STEP: Final = 5000


def told(
    baseline: Baseline, f: int, counts: NDArray[np.int64], own: Novelty | None, *, sensitive: bool
) -> dict[str, object]:
    """Describe the categories of one feature in one window; `counts` are those of all bins. Nothing if it is numeric.

    The count of a new value may be too low by its error.
    """
    if not isinstance(baseline.features[f].bins, CategoricalBins):
        return {}
    top = [] if own is None or sensitive else own.top(SHOWN)
    new = [{"value": value, "count": count, "error": own.error if own else 0} for value, count in top]
    return {"distinct": distinct(baseline, f, counts, own), "new_values": new}


def distinct(baseline: Baseline, f: int, counts: NDArray[np.int64], own: Novelty | None) -> int | None:
    """About how many different categories; None where nobody noted them, as in windows that came as histograms."""
    bins = baseline.features[f].bins
    if not isinstance(bins, CategoricalBins):
        return None
    mine = counts[baseline.slice_of(f)]
    named = int(np.count_nonzero(mine[: bins.finite]))
    strangers = int(mine[bins.null + 1 : bins.invalid].sum())
    if not strangers:
        return named
    return None if own is None else named + min(own.distinct, strangers)


def distinct_by_name(service: Service, conn: Connection, model_id: int, window: ScoredWindow) -> Mapping[str, int]:
    """How many different categories each feature had in a scored window; wants the connection of a snapshot."""
    baseline = service.catalog.baseline(window.baseline_id)
    categorical = [f for f, one in enumerate(baseline.features) if isinstance(one.bins, CategoricalBins)]
    if not categorical:
        return {}
    start, version = window.start_us, window.version
    held = dict(windows.histograms(conn, model_id, start_us=start, version=version)).get(window.baseline_id)
    if held is None:
        return {}
    noted = novelties.of_window(conn, model_id, start_us=start, version=version, baseline_id=window.baseline_id)
    found = {baseline.features[f].name: distinct(baseline, f, held.counts[0], noted.get(f)) for f in categorical}
    return {name: count for name, count in found.items() if count is not None}


def prune_novelties(service: Service) -> int:
    """Forget what old windows held beyond their named categories; gives how many windows."""
    before = service.now_us() - service.policy.novelty_retention_us
    with service.database.transaction() as conn:
        return novelties.forget(conn, start_before_us=before, limit=STEP)
