"""How values of the program look in Postgres."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeDecorator

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_datetime(us: int) -> datetime:
    """The instant that is this many microseconds after 1970."""
    return EPOCH + us * _MICROSECOND


def to_us(instant: datetime) -> int:
    """Microseconds from 1970 to an instant, exactly."""
    return (instant - EPOCH) // _MICROSECOND


class Instant(TypeDecorator[int]):
    """timestamptz in Postgres, int microseconds UTC in Python."""

    impl = TIMESTAMP(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Hand an instant to the driver."""
        return None if value is None else to_datetime(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Take an instant from the driver."""
        return None if value is None else to_us(value)
