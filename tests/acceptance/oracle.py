"""A slow and plain recount of what the service should have counted, written from the public contract alone."""

import datetime as dt
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import xxhash

NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
INFINITE: Final = re.compile(r"([+-]?)(infinity|inf)", re.IGNORECASE)
NOT_A_NUMBER: Final = re.compile(r"[+-]?nan", re.IGNORECASE)
INSTANT: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.\d{1,9})?(?:([Zz])|([+-])(\d\d):(\d\d))?", re.ASCII
)
FINITE_KINDS: Final = frozenset({"range", "value"})
EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
WEEK: Final = 7 * 86_400 * 10**6
MONDAY: Final = 4 * 86_400 * 10**6
UNLISTED: Final = 256


@dataclass(frozen=True, slots=True)
class Rules:
    """What the model says about rows; times in microseconds."""

    window: int = 3600 * 10**6
    horizon: int | None = 24 * 3600 * 10**6
    tolerance: int = 600 * 10**6
    time_column: str = "timestamp"
    version_column: str | None = None
    zone: str = "UTC"
    local: bool = False


@dataclass(slots=True)
class Feature:
    """A published feature, and the categories of its baseline that have no bin."""

    name: str
    kind: str
    bins: Sequence[Mapping[str, Any]]
    known: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Expected:
    """The receipt of one body and its counts by (version, window start), then feature."""

    received: int = 0
    accepted: int = 0
    late: int = 0
    future: int = 0
    untimed: int = 0
    rejections: list[tuple[int, str]] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)
    rows: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    counts: dict[tuple[str, int], dict[str, list[int]]] = field(default_factory=dict)


def number(raw: object, *, text: bool = False) -> float | str | None:
    """The double that a value stands for, "invalid", or None for null."""
    if raw is None or (text and raw == ""):
        return None
    if isinstance(raw, bool | int | float):
        return _double(raw)
    if text and str(raw).lower() in {"true", "false"}:
        return float(str(raw).lower() == "true")
    return _spelled(raw.strip(" \t\r\n")) if isinstance(raw, str) else "invalid"


def _spelled(word: str) -> float | str:
    if NOT_A_NUMBER.fullmatch(word):
        return math.nan
    if infinite := INFINITE.fullmatch(word):
        return -math.inf if infinite[1] == "-" else math.inf
    return float(word) if NUMBER.fullmatch(word) else "invalid"


def _double(raw: float) -> float:
    try:
        return float(raw)
    except OverflowError:
        return math.copysign(math.inf, 1 if raw > 0 else -1)


def category(raw: object, *, text: bool = False) -> tuple[str, str]:
    """A pair of ("category", text), ("null", "") or ("invalid", "")."""
    if raw is None or (text and raw == "") or (isinstance(raw, float) and math.isnan(raw)):
        return "null", ""
    if isinstance(raw, bool) or (text and str(raw).lower() in {"true", "false"}):
        return "category", str(raw).lower()
    if isinstance(raw, float) and math.isinf(raw):
        return "category", "Infinity" if raw > 0 else "-Infinity"
    if isinstance(raw, float):
        return "category", repr(raw).removesuffix(".0")
    return ("category", str(raw)) if isinstance(raw, int | str) else ("invalid", "")


def place(feature: Feature, raw: object, *, text: bool = False) -> int:
    """The number of the bin that a value falls into."""
    if feature.kind == "numeric":
        return _place_number(feature.bins, number(raw, text=text))
    kind, word = category(raw, text=text)
    if kind != "category":
        return _reserved(feature.bins, kind)
    lawful = len(word.encode()) <= UNLISTED and "\0" not in word
    for index, one in enumerate(feature.bins):
        if lawful and one["kind"] == "category" and one["value"] == word:
            return index
    if word not in feature.known:
        return _reserved(feature.bins, "unseen")
    bucket = xxhash.xxh64_intdigest(word.encode(), seed=0) % 16
    return next(i for i, one in enumerate(feature.bins) if one["kind"] == "other" and one["bucket"] == bucket)


def _reserved(bins: Sequence[Mapping[str, Any]], kind: str) -> int:
    return next(index for index, one in enumerate(bins) if one["kind"] == kind)


def _place_number(bins: Sequence[Mapping[str, Any]], value: float | str | None) -> int:
    if value is None:
        return _reserved(bins, "null")
    if isinstance(value, str):
        return _reserved(bins, value)
    if not math.isfinite(value):
        return _reserved(bins, "nan" if math.isnan(value) else "pos_inf" if value > 0 else "neg_inf")
    for index, one in enumerate(bins):
        if one["kind"] == "value" and one["value"] == value:
            return index
    for index, one in enumerate(bins):
        above = one["kind"] == "range" and (one["lower"] is None or one["lower"] < value)
        if above and (one["upper"] is None or value <= one["upper"]):
            return index
    raise AssertionError(f"no bin holds {value!r}")


def instant(raw: object, rules: Rules, *, text: bool = False) -> int | str | None:
    """Microseconds since 1970, "unreadable", or None where the row has no time."""
    if raw is None or (text and raw == ""):
        return None
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        return "unreadable"
    word = str(raw).strip(" ")
    if isinstance(raw, str) and (found := INSTANT.fullmatch(word)):
        return _civil(found, rules)
    return _since_1970(Decimal(word)) if NUMBER.fullmatch(word) else "unreadable"


def _since_1970(value: Decimal) -> int:
    for limit, scale in ((10**11, 10**6), (10**14, 10**3), (10**17, 1)):
        if abs(value) < limit:
            return math.floor(value * scale)
    return math.floor(value / 1000)


def _civil(found: re.Match[str], rules: Rules) -> int | str:
    try:
        civil = dt.datetime(*(int(part) for part in found.groups()[:6]))  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        return "unreadable"
    if found[9]:
        offset = dt.timedelta(hours=int(found[10]), minutes=int(found[11])) * (1 if found[9] == "+" else -1)
        moment = (civil - offset).replace(tzinfo=dt.UTC)
    else:
        zone = ZoneInfo(rules.zone) if rules.local and not found[8] else dt.UTC
        moment = civil.replace(tzinfo=zone).astimezone(dt.UTC)
    fraction = int(((found[7] or ".0")[1:] + "000000")[:6])
    return (moment - EPOCH) // dt.timedelta(microseconds=1) + fraction


def window_of(moment: int, rules: Rules) -> int:
    """The start of the window that holds an instant."""
    origin = MONDAY if rules.window == WEEK else 0
    return (moment - origin) // rules.window * rules.window + origin


def count(
    rows: Iterable[object],
    features: Sequence[Feature],
    rules: Rules,
    *,
    now: int,
    version: str = "default",
    text: bool = False,
) -> Expected:
    """What one body of rows should be answered with, and what it adds."""
    expected = Expected()
    names = {feature.name for feature in features} | {rules.time_column, rules.version_column}
    for position, row in enumerate(rows):
        expected.received += 1
        if not isinstance(row, Mapping):
            expected.rejections.append((position, "not an object"))
            continue
        expected.ignored |= row.keys() - names
        moment = instant(row.get(rules.time_column), rules, text=text)
        if isinstance(moment, str):
            expected.rejections.append((position, "unreadable time"))
        elif moment is not None and rules.horizon is not None and moment < now - rules.horizon:
            expected.late += 1
        elif moment is not None and moment > now + rules.tolerance:
            expected.future += 1
        else:
            expected.untimed += moment is None
            own = row.get(rules.version_column) if rules.version_column else None
            key = (
                own if isinstance(own, str) and own else version,
                window_of(now if moment is None else moment, rules),
            )
            _add(expected, key, features, row, text=text)
    return expected


def _add(
    expected: Expected, key: tuple[str, int], features: Sequence[Feature], row: Mapping[str, object], *, text: bool
) -> None:
    expected.accepted += 1
    expected.rows[key] += 1
    counts = expected.counts.setdefault(key, {feature.name: [0] * len(feature.bins) for feature in features})
    for feature in features:
        counts[feature.name][place(feature, row.get(feature.name), text=text)] += 1


def merge(parts: Iterable[Expected]) -> dict[tuple[str, int], dict[str, list[int]]]:
    """The counts of several bodies added up."""
    total: dict[tuple[str, int], dict[str, list[int]]] = {}
    for part in parts:
        for key, features in part.counts.items():
            mine = total.setdefault(key, {name: [0] * len(counts) for name, counts in features.items()})
            for name, counts in features.items():
                mine[name] = [a + b for a, b in zip(mine[name], counts, strict=True)]
    return total
