"""An evaluated window as a value, and as the lines that COPY takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Table

from app.storage import tables
from app.storage.types import to_datetime

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class StatisticRow:
    """One statistic over features, each array of shape (features,), NaN where it does not apply.

    `high` is the upper end of an interval, `warning` and `critical` the lines the values were held against.
    """

    values: Doubles
    high: Doubles | None = None
    p_values: Doubles | None = None
    status: NDArray[np.int16] | None = None
    warning: Doubles | None = None
    critical: Doubles | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ScoredWindow:
    """A window as it was evaluated at one revision of its counts."""

    start_us: int
    version: str
    baseline_id: int
    rows: int
    revision: int
    computed_us: int
    statistics: Mapping[str, StatisticRow] = field(default_factory=dict)


def line(
    model_id: int, scored: ScoredWindow, statistic: str, *, table: Table = tables.score, length_us: int = 0
) -> str:
    """Write one row for COPY, in the order of the table's columns."""
    row = scored.statistics[statistic]
    written = {
        "model_id": str(model_id),
        "length": str(length_us),
        "window_start": to_datetime(scored.start_us).isoformat(),
        "version": _escaped(scored.version),
        "baseline_id": str(scored.baseline_id),
        "statistic": _escaped(statistic),
        "rows": str(scored.rows),
        "revision": str(scored.revision),
        "values": _array(row.values),
        "high": _array(row.high),
        "p_values": _array(row.p_values),
        "status": r"\N" if row.status is None else "{" + ",".join(map(str, row.status.tolist())) + "}",
        "warning": _array(row.warning),
        "critical": _array(row.critical),
        "computed_at": to_datetime(scored.computed_us).isoformat(),
    }
    return "\t".join(written[column.name] for column in table.c) + "\n"


def _array(values: Doubles | None) -> str:
    """Write doubles so that they come back bit for bit; NaN is NULL."""
    if values is None:
        return r"\N"
    return "{" + ",".join("NULL" if value != value else repr(value) for value in values.tolist()) + "}"  # noqa: PLR0124 - NaN alone is not itself


def _escaped(text_: str) -> str:
    return text_.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
