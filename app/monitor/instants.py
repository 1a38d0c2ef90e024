"""Instants as people write and read them."""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from app.errors import Refused
from app.wire.times import READ, instants

_UTC: Final = ZoneInfo("UTC")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def instant_text(us: int) -> str:
    """Write microseconds since 1970 as RFC 3339 in UTC."""
    moment = _EPOCH + timedelta(microseconds=us)
    return moment.isoformat(timespec="microseconds" if us % 1_000_000 else "seconds").replace("+00:00", "Z")


def read_instant(value: object, what: str) -> int:
    """Read an RFC 3339 time or a number since 1970 as microseconds; Refused when it is neither."""
    times = instants([value], 1, receipt_us=0, naive="utc", zone=_UTC, text=False)
    if times.state[0] != READ:
        raise Refused("unreadable-time", f"{what} is not a time")
    return int(times.us[0])
