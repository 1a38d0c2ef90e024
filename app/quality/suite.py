"""Suites of expectations as Great Expectations 1.x writes them, checked by name and argument."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.errors import Refused
from app.quality.conditions import check_condition
from app.quality.forms import CONDITION, FORMS

MAX_EXPECTATIONS: Final = 10_000
SEVERITIES: Final = ("critical", "warning", "info")
PARAMETER: Final = "$PARAMETER"
OWN: Final = "driftgauge"

_DROPPED: Final = frozenset({"batch_id", "result_format", "include_config", "catch_exceptions"})
_KEPT: Final = ("id", "meta", "notes", "description")
_LONGEST_PATTERN: Final = 10_000
_LONGEST_NAME: Final = 128


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation: its type in snake case, its arguments, how bad it is when they are not met."""

    type: str
    kwargs: Mapping[str, Any]
    severity: str = "critical"
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Name the columns that it looks at, in order."""
        single = [self.kwargs[name] for name in ("column", "column_A", "column_B") if name in self.kwargs]
        listed = self.kwargs.get("column_list") or ()
        return tuple(single) or tuple(listed)

    @property
    def min_rows(self) -> int:
        """Give the number of rows below which it does not judge a window."""
        rows = self._own.get("min_rows")
        return rows if isinstance(rows, int) else 0

    @property
    def derived(self) -> bool:
        """Tell whether it speaks of values as a baseline counts them: categories are text, and so may numbers be."""
        return self._own.get("derived") is True

    @property
    def _own(self) -> Mapping[str, Any]:
        meta = self.extra.get("meta")
        own = meta.get(OWN) if isinstance(meta, dict) else None
        return own if isinstance(own, dict) else {}

    def document(self) -> dict[str, Any]:
        """Write it as Great Expectations does."""
        return {"type": self.type, "kwargs": dict(self.kwargs), **self.extra, "severity": self.severity}


@dataclass(frozen=True, slots=True)
class Suite:
    """A named list of expectations."""

    name: str
    expectations: tuple[Expectation, ...]

    def document(self) -> dict[str, Any]:
        """Write it as Great Expectations does."""
        return {"name": self.name, "expectations": [one.document() for one in self.expectations]}


def read_posted(document: object) -> Suite:
    """Read a suite as people send it: as `read_suite`, and every number in it must be finite."""
    try:
        json.dumps(document, allow_nan=False).encode()
    except (ValueError, RecursionError, OverflowError):
        raise _unlawful("a suite holds finite numbers, and no more than some levels", "") from None
    return read_suite(document)


def read_suite(document: object) -> Suite:
    """Read a suite; Refused with a pointer to what is unknown, unsupported or not lawful."""
    if not isinstance(document, dict):
        raise _unlawful("a suite is an object with name and expectations", "")
    name = document.get("name")
    if not isinstance(name, str) or not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise _unlawful(f"a suite has a printable name of 1 to {_LONGEST_NAME} characters", "/name")
    expectations = document.get("expectations")
    if not isinstance(expectations, list):
        raise _unlawful("expectations is an array", "/expectations")
    if len(expectations) > MAX_EXPECTATIONS:
        raise _unlawful(f"a suite has at most {MAX_EXPECTATIONS} expectations", "/expectations")
    return Suite(name, tuple(_expectation(one, f"/expectations/{n}") for n, one in enumerate(expectations)))


def _expectation(document: object, at: str) -> Expectation:
    if not isinstance(document, dict) or not isinstance(document.get("type"), str):
        raise _unlawful("an expectation is an object with type and kwargs", at)
    kind = document["type"]
    form = FORMS.get(kind)
    if form is None:
        raise _unknown(kind, "there is no such expectation in Great Expectations 1.x", at)
    if form.unsupported is not None:
        raise _unknown(kind, f"not supported: {form.unsupported}", at)
    given = document.get("kwargs", {})
    if not isinstance(given, dict):
        raise _unlawful("kwargs is an object", f"{at}/kwargs")
    kwargs = {name: value for name, value in given.items() if name not in _DROPPED}
    _check_names(kind, kwargs, at)
    _check_values(kind, kwargs, f"{at}/kwargs")
    severity = document.get("severity") or SEVERITIES[0]
    if severity not in SEVERITIES:
        raise _unlawful(f"severity is one of {', '.join(SEVERITIES)}", f"{at}/severity")
    extra = {name: document[name] for name in _KEPT if document.get(name) is not None}
    return Expectation(kind, kwargs, severity, extra)


def _check_names(kind: str, kwargs: Mapping[str, Any], at: str) -> None:
    form = FORMS[kind]
    missing = sorted(form.required - kwargs.keys())
    if missing:
        raise _unlawful(f"{kind} needs {', '.join(missing)}", f"{at}/kwargs")
    strange = sorted(kwargs.keys() - form.required - form.optional - set(CONDITION.split()))
    if strange:
        raise _unlawful(f"{kind} takes no {strange[0][:64]!r}", f"{at}/kwargs")


def _check_values(kind: str, kwargs: Mapping[str, Any], at: str) -> None:
    for name, value in kwargs.items():
        if isinstance(value, dict) and PARAMETER in value:
            raise _unknown(kind, f"{name} is a suite parameter, and nobody sets one here", f"{at}/{name}")
    _check_columns(kwargs, at)
    mostly = kwargs.get("mostly", 1)
    if isinstance(mostly, bool) or not isinstance(mostly, int | float) or not 0 <= mostly <= 1:
        raise _unlawful("mostly is a number from 0 to 1", f"{at}/mostly")
    for pattern in [kwargs.get("regex"), *_listed(kwargs.get("regex_list"))]:
        _check_pattern(pattern, at)
    if "json_schema" in kwargs:
        _check_schema(kwargs["json_schema"], at)
    if kwargs.get("row_condition") is not None:
        fault = check_condition(kwargs["row_condition"])
        if fault is not None:
            raise _unknown(kind, f"row_condition: {fault}", f"{at}/row_condition")


def _check_columns(kwargs: Mapping[str, Any], at: str) -> None:
    for name in ("column", "column_A", "column_B"):
        if name in kwargs and (not isinstance(kwargs[name], str) or not kwargs[name]):
            raise _unlawful(f"{name} is the name of a column", f"{at}/{name}")
    listed = kwargs.get("column_list", [])
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise _unlawful("column_list is an array of names", f"{at}/column_list")


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _check_pattern(pattern: object, at: str) -> None:
    if pattern is None:
        return
    if not isinstance(pattern, str) or len(pattern) > _LONGEST_PATTERN:
        raise _unlawful(f"a regular expression is a string of at most {_LONGEST_PATTERN} characters", at)
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise _unlawful(f"not a regular expression: {error}"[:200], at) from None


def _check_schema(schema: object, at: str) -> None:
    """Refuse a schema that would have to be fetched from somewhere."""
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            target = value.get("$ref")
            if isinstance(target, str) and not target.startswith("#"):
                raise _unlawful("json_schema may refer to parts of itself only", f"{at}/json_schema")
            waiting.extend(value.values())


def _unknown(kind: str, reason: str, at: str) -> Refused:
    shown = kind[:128]
    return Refused("unknown-expectation", f"{shown}: {reason}", extra={"expectation": shown, "pointer": at})


def _unlawful(detail: str, at: str) -> Refused:
    return Refused("unlawful-suite", detail, extra={"pointer": at})
