"""Instants as people write and read them."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from app.errors import Refused
from app.wire.times import READ, instants

_UTC: Final = ZoneInfo("UTC")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def instant_text(us: int) -> str:
    """Write microseconds since 1970 as RFC 3339 in UTC."""
    seconds, rest = divmod(us, 1_000_000)
    return f"{_second(seconds)}.{rest:06}Z" if rest else f"{_second(seconds)}Z"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat(timespec="seconds").removesuffix("+00:00")


def read_instant(value: object, what: str) -> int:
    """Read an RFC 3339 time or a number since 1970 as microseconds; Refused when it is neither."""
    times = instants([value], 1, receipt_us=0, naive="utc", zone=_UTC, text=False)
    if times.state[0] != READ:
        raise Refused("unreadable-time", f"{what} is not a time")
    return int(times.us[0])
