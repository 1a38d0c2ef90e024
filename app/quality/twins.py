"""How a value looks in other formats: singles and doubles hold other decimals, and whole numbers grow a fraction."""

import math
import re
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

_WHOLE: Final = re.compile(r"(-?(?:0|[1-9][0-9]*))(\.0+)?", re.ASCII)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)
_BOOLEANS: Final = {"true": True, "false": False}


def spread(value: float) -> tuple[float, float]:
    """Give the least and the largest double that the nearest single may have been, or be written as.

    0.3 is 0.30000001192... in a column of singles, and 0.3, 0.3000000119 or 0.300000012 where that was written as text.
    """
    if not math.isfinite(value) or value.is_integer():
        return value, value
    with np.errstate(over="ignore", under="ignore"):
        single = np.float32(value)
        below, above = (float(np.nextafter(single, np.float32(end))) for end in (-np.inf, np.inf))
    if not single or not (math.isfinite(below) and math.isfinite(above)):
        return value, value
    middle = float(single)
    if middle == value == float(str(single)):
        return value, value  # 2.5 is 2.5 everywhere
    return (below + middle) / 2, (middle + above) / 2


def readings(values: Iterable[Any]) -> dict[str, Any]:
    """Map each text as which one of these values may arrive to that value; what is written so comes first."""
    found: dict[str, Any] = {}
    listed = [(_text(value), value) for value in values]
    for text, value in listed:
        found.setdefault(text, value)
    for text, value in listed:
        whole = _WHOLE.fullmatch(text)
        if whole is not None:
            found.setdefault(whole[1] if whole[2] else f"{whole[1]}.0", value)
    return found


def typed(text: object) -> Any:
    """Give the number or truth value that a category's text may stand for, else None."""
    if not isinstance(text, str):
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    whole = _WHOLE.fullmatch(text)
    if whole is not None:
        return int(whole[1])
    return float(text) if _NUMBER.fullmatch(text) else None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
