"""Durations as people write them: one number and one unit."""

import re
from typing import Final

UNITS_US: Final = {
    "w": 604_800_000_000,
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
}
_PATTERN: Final = re.compile(r"([0-9]{1,15})(ms|s|m|h|d|w)", re.ASCII)


def parse_duration(text: str) -> int:
    """Microseconds of `500ms 1s 10m 1h 7d 1w`; ValueError for anything else."""
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        message = f"not a duration (one number and one of ms, s, m, h, d, w): {text[:40]!r}"
        raise ValueError(message)
    return int(match[1]) * UNITS_US[match[2]]


def format_duration(us: int) -> str:
    """Write microseconds in the largest unit that divides them; ValueError below a millisecond."""
    for unit, size in UNITS_US.items():
        if us and us % size == 0:
            return f"{us // size}{unit}"
    if us == 0:
        return "0s"
    message = f"not a whole number of milliseconds: {us} us"
    raise ValueError(message)
