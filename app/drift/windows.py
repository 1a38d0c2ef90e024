"""Tumbling windows of event time, in microseconds UTC since 1970."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift import context

WEEK_US: Final = context.WEEK_US


def lawful_length(length_us: int) -> bool:
    """Tell whether windows of this length tile the week."""
    return 0 < length_us <= WEEK_US and WEEK_US % length_us == 0


def origin(length_us: int) -> int:
    """Give an instant at which a window of this length begins: weeks begin on Monday, others at 1970."""
    return context.MONDAY_US if length_us == WEEK_US else 0


def window_starts(instants: NDArray[np.int64], length_us: int) -> NDArray[np.int64]:
    """Give the start of the window that holds each instant; same shape."""
    offset = origin(length_us)
    return (instants - offset) // length_us * length_us + offset


def window_start(instant: int, length_us: int) -> int:
    """Give the start of the window that holds one instant."""
    offset = origin(length_us)
    return (instant - offset) // length_us * length_us + offset


def next_boundary(instant: int, length_us: int) -> int:
    """Give the first window start at or after an instant."""
    start = window_start(instant, length_us)
    return start if start == instant else start + length_us
