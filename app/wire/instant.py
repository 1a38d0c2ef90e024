"""One time by itself, when it is written plainly; a column of them is read all at once."""

import re
from datetime import date
from typing import Any, Final

from app.wire.epochs import BEYOND_US, FIRST_US, microseconds

_PLAIN: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH: Final = date(1970, 1, 1).toordinal()


def plain_instant(value: Any) -> int | None:
    """Read a number since 1970 or an RFC 3339 time with a zone as microseconds UTC; None for whatever is odd."""
    kind = type(value)
    if kind is int or kind is float:
        return microseconds(value)
    found = _PLAIN.fullmatch(value) if kind is str else None
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, utc, sign, east, past = found.groups()
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH
    except ValueError:
        return None
    hours, minutes, seconds = int(hour), int(minute), int(second)
    if hours > 23 or minutes > 59 or seconds > 59:  # noqa: PLR2004 - a day's hours, an hour's minutes and seconds
        return None
    if utc is None:
        ahead, beside = int(east), int(past)
        if ahead > 23 or beside > 59:  # noqa: PLR2004 - as above
            return None
        offset = ahead * 3600 + beside * 60
        seconds -= offset if sign == "+" else -offset
    us = 0 if fraction is None else int(fraction[:6].ljust(6, "0"))
    us += (days * 86_400 + hours * 3600 + minutes * 60 + seconds) * 1_000_000
    return us if FIRST_US <= us < BEYOND_US else None
