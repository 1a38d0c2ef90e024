"""Bins as plain text."""

import math


def number(x: float) -> str:
    """Write a double shortly and exactly, without a trailing `.0`."""
    if math.isinf(x):
        return "inf" if x > 0 else "-inf"
    text = repr(float(x))
    return text.removesuffix(".0")


def interval(lower: float, upper: float, *, closed: bool) -> str:
    """Write a range; `closed` says that a row equal to `upper` belongs to it."""
    end = "]" if closed and not math.isinf(upper) else ")"
    return f"({number(lower)}, {number(upper)}{end}"
