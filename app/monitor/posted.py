"""Posted window histograms that were not read at once: what is wrong with them, or that nothing is."""

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline
from app.errors import BadRequest, Refused
from app.monitor.plan import null_of
from app.wire.windows import LARGEST_COUNT

Window = tuple[object, int, Mapping[str, Any]]


def document_of(value: object) -> Mapping[str, Any]:
    """Give the object that a body holds."""
    if not isinstance(value, dict):
        raise BadRequest("undecodable", "the body must be a JSON object")
    return value


def windows_of(document: Mapping[str, Any]) -> list[object]:
    """Give the windows, unread."""
    posted = document.get("windows")
    if not isinstance(posted, list):
        refuse("/windows", "must be an array")
    return posted


def window_of(pointer: str, window: object) -> Window:
    """Give start, rows and features of a window."""
    if not isinstance(window, dict):
        refuse(pointer, "must be an object")
    rows = window.get("rows")
    if not isinstance(rows, int) or not _is_count(rows):
        refuse(f"{pointer}/rows", "must be a whole number, at least 0")
    features = window.get("features", {})
    if not isinstance(features, dict):
        refuse(f"{pointer}/features", "must be an object")
    return window.get("start"), rows, features


def counts_of(baseline: Baseline, pointer: str, *, rows: int, features: Mapping[str, Any]) -> NDArray[np.int64]:
    """Lay posted counts side by side, null where a feature is left out; Refused when they contradict themselves."""
    result = np.zeros(baseline.total, np.int64)
    for position, feature in enumerate(baseline.features):
        first, stop = int(baseline.offsets[position]), int(baseline.offsets[position + 1])
        name = feature.name
        if name not in features:
            result[first + null_of(feature)] = rows
            continue
        where = f"{pointer}/features/{name}/counts"
        counts = features[name].get("counts") if isinstance(features[name], dict) else None
        if not isinstance(counts, list) or len(counts) != stop - first:
            refuse(where, f"must be an array of {stop - first} counts")
        if not all(_is_count(one) for one in counts):
            refuse(where, "must hold whole numbers, at least 0")
        if sum(counts) != rows:
            refuse(where, f"sums to {sum(counts)}, not to the window's {rows} rows")
        result[first:stop] = counts
    return result


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_COUNT


def refuse(pointer: str, message: str) -> NoReturn:
    """Say what is wrong where."""
    raise Refused("unlawful-histogram", f"{pointer[:200]} {message}", extra={"pointer": pointer[:200]})
