"""What drifted when, as a table to read."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.table import Table

from app.cli.demo.faults import FAULTS, Fault

FEED: Final = "(all rows)"
MOMENT: Final = dt.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Line:
    """One episode in local days; `last` is None while it is open."""

    feature: str
    first: dt.date
    last: dt.date | None
    peak: float
    cause: str
    fault: Fault | None


def lines(episodes: Iterable[Mapping[str, Any]], zone: ZoneInfo, faults: Sequence[Fault] = FAULTS) -> list[Line]:
    """Read episodes and recognise those that an injected fault made."""
    return [_line(episode, zone, faults) for episode in episodes]


def _line(episode: Mapping[str, Any], zone: ZoneInfo, faults: Sequence[Fault]) -> Line:
    first = _local(episode["start"], zone).date()
    last = (_local(episode["end"], zone) - MOMENT).date() if episode["end"] else None
    name = str(episode["feature"])
    fault = next((one for one in faults if one.feature == name and one.during(first, last or dt.date.max)), None)
    return Line(
        feature=name or FEED,
        first=first,
        last=last,
        peak=float(episode["peak"]),
        cause=str(episode["cause"] or ""),
        fault=fault,
    )


def _local(text: str, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.fromisoformat(text).astimezone(zone)


def rendered(found: Sequence[Line]) -> Table:
    """Lay the lines out for a terminal."""
    table = Table(title="What drifted when", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for name in ("feature", "first", "last"):
        table.add_column(name, no_wrap=True)
    table.add_column("peak", justify="right", no_wrap=True)
    table.add_column("cause", no_wrap=True)
    table.add_column("", overflow="fold")
    for line in found:
        table.add_row(
            line.feature,
            line.first.isoformat(),
            line.last.isoformat() if line.last else "still open",
            f"{line.peak:.1f}",
            line.cause,
            f"injected: {line.fault.what}" if line.fault else "",
            style="bold" if line.fault else None,
        )
    return table
