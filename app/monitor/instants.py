"""Instants as people write them in a request."""

from typing import Final
from zoneinfo import ZoneInfo

from app.errors import Refused
from app.wire.times import VALUE, instants

_UTC: Final = ZoneInfo("UTC")


def read_instant(value: object, what: str) -> int:
    """Read an RFC 3339 time or a number since 1970 as microseconds; Refused when it is neither."""
    times = instants([value], 1, receipt_us=0, naive="utc", zone=_UTC, text=False)
    if times.state[0] != VALUE:
        code = "unreadable-time"
        raise Refused(code, f"{what} is not a time")
    return int(times.us[0])
