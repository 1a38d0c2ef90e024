"""What a rule is made of."""

from dataclasses import dataclass


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
    keep: str | None = None
