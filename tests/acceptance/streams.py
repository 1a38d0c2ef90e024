"""Seeded inference logs: clean ones of one type a column, and dirty ones with everything that JSON can say."""

import datetime as dt
import math
from random import Random
from typing import Any, Final

from acceptance.oracle import EPOCH, MONDAY
from acceptance.world import HOUR

DAY: Final = 24 * HOUR
DIRTY_NUMBERS: Final[tuple[object, ...]] = (
    *(None, math.nan, math.inf, -math.inf, True, False, [1.5], {"a": 1}, 10**400, -(10**400), 2**53 + 1, -0.0, 5e-324),
    *("12.5", " 7 ", "+3", ".5", "5.", "-1e2", "1E+3", "1e999", "-1e999", "NaN", "-nan", "inf", "-Infinity", "+INF"),
    *("", " ", "1_000", "0x10", "1,5", "\uff11\uff12", "true", "N/A", "null", "1e", ".", "--1", "1 2", "infinit"),
)
DIRTY_CATEGORIES: Final[tuple[object, ...]] = (
    *(None, math.nan, math.inf, -math.inf, True, False, 1, 1.0, "1", "1.0", 0.25, -3, 2**60, ["a"], {"a": 1}, [], {}),
    *(
        "",
        " ",
        "NaN",
        "Infinity",
        "true",
        "null",
        "\u00e9",
        "e\u0301",
        "x" * 256,
        "x" * 257,
        "nul\0",
        "a\nb",
        "\U0001f600",
    ),
)
STRANGE: Final = ("surplus", "\U0001f600", "", "a" * 300, "Amount", "a\nb", "\u202e")
BAD_TIMES: Final[tuple[object, ...]] = (
    "",
    "yesterday",
    "2024-05-01",
    True,
    math.nan,
    math.inf,
    [1],
    {},
    "2024-13-01T00:00:00Z",
    "1e",
)


def clean(random: Random, rows: int, *, start: int, hours: int = 4, shift: float = 0.0) -> list[dict[str, Any]]:
    """Rows whose columns hold one type each, nulls and NaN included; times are microseconds."""
    made = []
    for _ in range(rows):
        amount = 0.0 if random.random() < 0.1 else random.lognormvariate(1 + shift, 1.5)
        gap = random.choice((None, math.nan, math.inf, -math.inf))
        made.append(
            {
                "timestamp": start + random.randrange(hours * HOUR),
                "amount": gap if random.random() < 0.04 else amount,
                "score": random.gauss(shift, 1),
                "count": None if random.random() < 0.05 else random.randint(0, 6),
                "age": random.randint(18, 90),
                "city": None if random.random() < 0.02 else f"city {int(random.paretovariate(0.4)) % 500}",
                "tier": random.choices(("gold", "silver", "bronze"), (0.1 + shift, 0.3, 0.6))[0],
                "flag": random.random() < 0.3,
                "constant": 7.5,
                "word": random.choice(("a", "b", "NaN")),
            }
        )
    return made


def dirty(random: Random, rows: int, *, start: int, now: int, strange: bool = True) -> list[Any]:
    """Rows with values, times and versions of every sort, things that are no rows, and strange names if wanted."""
    made: list[Any] = []
    for row in clean(random, rows, start=start):
        for name in ("amount", "score", "count", "age", "flag", "constant"):
            if random.random() < 0.2:
                row[name] = random.choice(DIRTY_NUMBERS)
        for name in ("city", "tier", "word"):
            if random.random() < 0.3:
                row[name] = random.choice(DIRTY_CATEGORIES)
        for name in list(row):
            if random.random() < 0.03:
                del row[name]
        if random.random() < 0.05:
            row[random.choice(STRANGE if strange else ("surplus",))] = random.choice(DIRTY_CATEGORIES)
        row["arm"] = random.choice(("canary", "v7", "default", None, "arm one"))
        if "timestamp" in row:
            row["timestamp"] = _time(random, row["timestamp"], now=now)
        made.append(random.choice((None, 3, "row", [row], True, 1.5)) if random.random() < 0.02 else row)
    return made


def _time(random: Random, moment: int, *, now: int) -> object:
    chance = random.random()
    if chance < 0.03:
        return random.choice(BAD_TIMES)
    if chance < 0.06:
        return None
    if chance < 0.10:
        moment = now + random.choice((-3 * DAY, -40 * DAY, -400 * DAY, DAY, 9 * DAY))
    return spelled(random, moment)


def spelled(random: Random, moment: int) -> object:
    """One of the many ways to write an instant."""
    seconds, rest = divmod(moment, 10**6)
    civil = EPOCH + dt.timedelta(seconds=seconds)
    plain = civil.strftime("%Y-%m-%dT%H:%M:%S")
    east = civil.astimezone(dt.timezone(dt.timedelta(hours=5, minutes=45))).isoformat(timespec="seconds")
    west = civil.astimezone(dt.timezone(dt.timedelta(hours=-11))).isoformat(sep=" ", timespec="seconds")
    return random.choice(
        (
            *(
                seconds,
                moment / 10**6,
                moment // 10**3,
                moment,
                moment * 10**3,
                str(seconds),
                f"{seconds}.25",
                str(moment),
            ),
            *(
                f"{plain}Z",
                f"{plain}.{rest:06d}Z",
                f"{plain}.{rest:06d}789z",
                plain,
                plain.replace("T", " "),
                east,
                west,
            ),
            *(plain.replace("T", "t") + "+00:00", f"{plain}.5-00:00"),
        )
    )


def recent(now: int) -> int:
    """A window start some hours ago, so that four hours from it are closed and within the horizon."""
    return (now - 8 * HOUR) // HOUR * HOUR


def monday(now: int, weeks: int) -> int:
    """A Monday 00:00 UTC, so many weeks ago."""
    week = 7 * DAY
    return (now - weeks * week - MONDAY) // week * week + MONDAY
