"""RFC 3339 times, a whole column at once: one matrix of bytes for each length of text."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

SHORTEST: Final = 19
LONGEST: Final = 35
BLOCK_ROWS: Final = 65_536
OFFSET: Final = 6
FRACTION_DIGITS: Final = 9
MOST_DIGITS: Final = 18
DIGITS: Final = (0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18)
MARKS: Final = ((4, b"-"), (7, b"-"), (10, b"Tt "), (13, b":"), (16, b":"))


@dataclass(frozen=True, slots=True)
class Readings:
    """Microseconds since 1970, and whether each is known and is without a zone; all of shape (rows,)."""

    us: Integers
    known: Mask
    naive: Mask


def read_times(text: Any) -> Readings:
    """Read a large_string array without nulls; a date alone and everything else odd stays unknown."""
    rows = len(text)
    readings = Readings(np.zeros(rows, np.int64), np.zeros(rows, np.bool_), np.zeros(rows, np.bool_))
    starts, octets = _buffers(text)
    lengths = np.diff(starts)
    found = np.unique(lengths).tolist()
    for length in found:
        if SHORTEST <= length <= LONGEST:
            every = np.flatnonzero(lengths == length)
            for which in np.array_split(every, len(every) // BLOCK_ROWS + 1):
                if len(found) == 1:
                    letters = octets[starts[which[0]] : starts[which[-1] + 1]].reshape(-1, length)
                else:
                    letters = octets[starts[which][:, None] + np.arange(length)]
                _read_length(letters, which, readings)
    return readings


def read_digits(text: Any) -> Integers | None:
    """Read a large_string array without nulls whose texts are all digits, equally many; None when they are not."""
    starts, octets = _buffers(text)
    length = int(starts[1] - starts[0]) if len(text) else 0
    if not 0 < length <= MOST_DIGITS or (np.diff(starts) != length).any():
        return None
    letters = octets[starts[0] : starts[-1]].reshape(-1, length)
    return number(letters, 0, length) if all_digits(letters).all() else None


def _buffers(text: Any) -> tuple[Integers, Bytes]:
    _, offsets, data = text.cast(pa.large_binary()).buffers()
    starts = np.frombuffer(offsets, np.int64)[text.offset : text.offset + len(text) + 1]
    return starts, np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)


def _read_length(letters: Bytes, which: Integers, readings: Readings) -> None:
    """Read texts of one length, apart by how their zone is written."""
    utc = among(letters[:, -1], b"Zz")
    numeric = ~utc & among(letters[:, -OFFSET], b"+-") & (letters[:, -3] == ord(":"))
    for mask, zone in ((utc, 1), (numeric & (letters.shape[1] >= SHORTEST + OFFSET), OFFSET), (~utc & ~numeric, 0)):
        if mask.any():
            us, good = _read_shape(letters[mask], zone=zone)
            readings.us[which[mask]] = us
            readings.known[which[mask]] = good
            readings.naive[which[mask]] = zone == 0


def _read_shape(letters: Bytes, *, zone: int) -> tuple[Integers, Mask]:
    end = letters.shape[1] - zone
    good = all_digits(letters[:, DIGITS])
    for place, marks in MARKS:
        good &= among(letters[:, place], marks)
    seconds, lawful = _seconds(letters)
    good &= lawful
    fraction = np.zeros(len(letters), np.int64)
    if end > SHORTEST:
        digits = end - SHORTEST - 1
        if not 0 < digits <= FRACTION_DIGITS:
            return np.zeros(len(letters), np.int64), np.zeros(len(letters), np.bool_)
        good &= letters[:, SHORTEST] == ord(".")
        good &= all_digits(letters[:, SHORTEST + 1 : end])
        kept = min(digits, 6)
        fraction = number(letters, SHORTEST + 1, SHORTEST + 1 + kept) * 10 ** (6 - kept)
    if zone == OFFSET:
        hours, minutes = number(letters, end + 1, end + 3), number(letters, end + 4, end + 6)
        good &= all_digits(letters[:, (end + 1, end + 2, end + 4, end + 5)])
        good &= (hours < 24) & (minutes < 60)  # noqa: PLR2004 - a day's hours, an hour's minutes
        east = np.where(letters[:, end] == ord("-"), -1, 1)
        seconds -= east * (hours * 3600 + minutes * 60)
    return np.where(good, seconds * 1_000_000 + fraction, 0), good


def _seconds(letters: Bytes) -> tuple[Integers, Mask]:
    """Count seconds since 1970 of the first 19 letters; second 60 is the next minute's first."""
    year, month, day = number(letters, 0, 4), number(letters, 5, 7), number(letters, 8, 10)
    hour, minute, second = number(letters, 11, 13), number(letters, 14, 16), number(letters, 17, 19)
    good = (year > 0) & (month > 0) & (month < 13) & (day > 0)  # noqa: PLR2004
    good &= (hour < 24) & (minute < 60) & (second < 61)  # noqa: PLR2004
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    first = months.astype("datetime64[D]").astype(np.int64)
    good &= day <= (months + 1).astype("datetime64[D]").astype(np.int64) - first
    return (first + day - 1) * 86_400 + hour * 3600 + minute * 60 + second, good


def number(letters: Bytes, start: int, end: int) -> Integers:
    """Read decimal digits between two places; other letters give some number."""
    value = np.zeros(len(letters), np.int64)
    for place in range(start, end):
        value = value * 10 + (letters[:, place].astype(np.int64) - ord("0"))
    return value


def all_digits(letters: Bytes) -> Mask:
    """Tell which rows are digits alone."""
    digits: Mask = np.less(letters - np.uint8(ord("0")), 10).all(axis=1)
    return digits


def among(letters: Bytes, marks: bytes) -> Mask:
    """Tell which letters are one of the marks."""
    return np.isin(letters, np.frombuffer(marks, np.uint8))
