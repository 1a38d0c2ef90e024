"""How a model is watched: windows, time rules, names of columns and the budget of pages."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.drift.windows import lawful_length
from app.durations import format_duration, parse_duration
from app.errors import Refused
from app.monitor.arrival import Clockwork
from app.wire.names import check_name

LARGEST_BUDGET: Final = 1e6
_DURATIONS: Final = ("window", "late_horizon", "future_tolerance")
_LONGEST_US: Final = 100 * 366 * 86_400_000_000
_NO_ZONES: Final = frozenset({"localtime", "posixrules", "Factory", "posix", "right"})
"""What lies beside the zones: it differs from host to host, or counts leap seconds."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings of one model; times in microseconds, `spelled` as their owner wrote them."""

    window: int = 3_600_000_000
    timezone: str = "UTC"
    late_horizon: int = 86_400_000_000
    future_tolerance: int = 600_000_000
    time_column: str = "timestamp"
    naive_timestamps: str = "utc"
    version_column: str | None = None
    envelope: tuple[str, ...] = ()
    pages_per_month: float = 1.0
    spelled: Mapping[str, str] = field(default_factory=lambda: {"late_horizon": "24h"}, compare=False)

    def document(self) -> dict[str, object]:
        """Write the settings as people read and send them."""
        return {
            "window": self._written("window", self.window),
            "timezone": self.timezone,
            "late_horizon": self._written("late_horizon", self.late_horizon),
            "future_tolerance": self._written("future_tolerance", self.future_tolerance),
            "time_column": self.time_column,
            "naive_timestamps": self.naive_timestamps,
            "version_column": self.version_column,
            "envelope": list(self.envelope),
            "alert_budget": {"pages_per_month": self.pages_per_month},
        }

    def _written(self, name: str, us: int) -> str:
        text = self.spelled.get(name)
        return text if text is not None and parse_duration(text) == us else format_duration(us)

    def clockwork(self) -> Clockwork:
        """Give the part of the settings that reading rows depends on."""
        return Clockwork(
            window_us=self.window,
            late_horizon_us=self.late_horizon,
            future_tolerance_us=self.future_tolerance,
            zone=ZoneInfo(self.timezone),
            naive=self.naive_timestamps,
            time_column=self.time_column,
            version_column=self.version_column,
        )


def changed(current: Configuration, document: Mapping[str, Any]) -> Configuration:
    """Apply the given fields of a document; Refused for an unlawful one."""
    zone = document.get("timezone")
    if zone is not None and zone.split("/", maxsplit=1)[0] in _NO_ZONES:
        raise _unknown(zone)
    return restored(document, current)


def restored(document: Mapping[str, Any], current: Configuration | None = None) -> Configuration:
    """Read stored settings back; they may hold a zone that nobody may choose any more."""
    current = current or Configuration()
    fields = {name: value for name, value in document.items() if name in Configuration.__dataclass_fields__}
    given = {name: str(fields[name]).strip() for name in _DURATIONS if fields.get(name) is not None}
    fields |= {name: _duration(name, text) for name, text in given.items()} | {"spelled": {**current.spelled, **given}}
    for name in ("time_column", "version_column"):
        if fields.get(name) is not None:
            check_name(fields[name], name)
    if fields.get("envelope") is not None:
        fields["envelope"] = tuple(check_name(key, "envelope") for key in fields["envelope"])
    if document.get("alert_budget") is not None:
        fields["pages_per_month"] = float(document["alert_budget"]["pages_per_month"])
    absent = {name for name, value in fields.items() if value is None and name != "version_column"}
    result = replace(current, **{name: value for name, value in fields.items() if name not in absent})
    _check(result)
    return result


def check_retention(configuration: Configuration, *, retention_us: int, margin_us: int) -> None:
    """Refuse a horizon so long that a replay could outlive the memory of batch ids."""
    spare = retention_us - margin_us - configuration.window - configuration.future_tolerance
    if configuration.late_horizon > spare:
        largest = format_duration(spare) if spare >= 0 else None
        detail = (
            f"late_horizon {format_duration(configuration.late_horizon)} + future_tolerance + window + margin exceeds"
            f" the ledger retention {format_duration(retention_us)};"
            f" {'no horizon fits' if largest is None else f'the largest horizon that fits is {largest}'}"
        )
        raise Refused("horizon-exceeds-retention", detail, extra={"largest": largest})


def _duration(name: str, text: str) -> int:
    try:
        us = parse_duration(text)
    except ValueError as error:
        raise Refused("unlawful-duration", f"{name}: {error}") from error
    if us > _LONGEST_US:
        raise Refused("unlawful-duration", f"{name} is longer than a hundred years")
    return us


def _check(configuration: Configuration) -> None:
    if not lawful_length(configuration.window):
        raise Refused("unlawful-window", "a window must divide a week, or be one week")
    try:
        ZoneInfo(configuration.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _unknown(configuration.timezone) from error


def _unknown(zone: str) -> Refused:
    return Refused("unknown-timezone", f"no such time zone: {zone[:64]!r}")
