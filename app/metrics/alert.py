"""What a rule is made of."""

from dataclasses import dataclass
from typing import Final

BRIDGE: Final = "1m"
"""Longer than a restart or a lost scrape: series of a page are stale at once, and one incident is to be one page."""


@dataclass(frozen=True, slots=True)
class Record:
    """A recording rule."""

    name: str
    expr: str


@dataclass(frozen=True, slots=True)
class Alert:
    """An alerting rule; its runbook is the page of its name."""

    name: str
    severity: str
    expr: str
    summary: str
    description: str
    wait: str | None = None
    keep: str = BRIDGE
