"""The oracle itself, against numpy, scipy and published values, so that a wrong oracle cannot accuse the service."""

import math
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest
from scipy.special import kolmogorov
from scipy.stats import ks_2samp, wasserstein_distance

from acceptance import distances
from acceptance.oracle import Feature, Rules, category, count, instant, number, place, window_of
from acceptance.streams import monday, recent, spelled
from acceptance.world import HOUR, iso, micros, now_us

RESERVED = ("null", "nan", "neg_inf", "pos_inf", "invalid")


def ranges(edges: list[float]) -> list[dict[str, Any]]:
    """Right-closed ranges around edges, a group each, then the reserved bins."""
    ends = [None, *edges, None]
    bins = [{"kind": "range", "lower": a, "upper": b, "value": None, "mean": 0.0} for a, b in pairwise(ends)]
    bins += [{"kind": kind, "lower": None, "upper": None, "value": None, "mean": None} for kind in RESERVED]
    return [one | {"group": group} for group, one in enumerate(bins)]


def test_places_match_searchsorted() -> None:
    """Ranges are closed on the right, as in numpy's left-sided search."""
    random, edges = Random(1), [-2.0, -0.5, 0.0, 1.0, 3.5]
    feature = Feature("x", "numeric", ranges(edges))
    values = [random.choice([*edges, random.gauss(0, 3)]) for _ in range(500)]
    assert [place(feature, v) for v in values] == list(np.searchsorted(edges, values, side="left"))
    assert place(feature, -0.0) == place(feature, 0.0)


def test_reserved_places() -> None:
    """What is no finite number goes to the bin of its kind."""
    feature = Feature("x", "numeric", ranges([0.0]))
    found = [place(feature, raw) for raw in (None, math.nan, "-inf", 10**400, "1_0")]
    assert found == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [("12.5", 12.5), (" .5 ", 0.5), ("5.", 5.0), ("1e400", math.inf), (True, 1.0), ("-INF", -math.inf)],
)
def test_numbers(raw: object, expected: float) -> None:
    """Numeric strings and booleans are numbers."""
    assert number(raw) == expected


@pytest.mark.parametrize("raw", ["1_000", "0x10", "1,5", "\uff11", "true", "", ".", "1e", "N/A", [1], {}])
def test_no_numbers(raw: object) -> None:
    """Everything else is invalid, in JSON the empty string too."""
    assert number(raw) == "invalid"
    assert number("", text=True) is None
    assert number("TRUE", text=True) == 1.0


def test_categories() -> None:
    """A number's text has no trailing zero; NaN is null, its name is a category."""
    assert {category(raw) for raw in (1, 1.0, "1")} == {("category", "1")}
    assert category(math.nan) == ("null", "")
    assert category("NaN") == ("category", "NaN")
    assert category(-math.inf) == ("category", "-Infinity")
    assert category([]) == ("invalid", "")


def test_times() -> None:
    """Every spelling of an instant reads back within its second, hence within its window."""
    random, rules = Random(2), Rules()
    for _ in range(2000):
        moment = recent(now_us()) + random.randrange(HOUR - 10**6)
        read = instant(spelled(random, moment), rules)
        assert isinstance(read, int)
        assert window_of(read, rules) == window_of(moment, rules)
    assert micros(iso(moment)) == moment
    assert instant("2024-02-30T00:00:00Z", rules) == "unreadable"


def test_local_times() -> None:
    """A repeated hour is its first occurrence; a skipped one is moved forward."""
    rules = Rules(zone="America/New_York", local=True)
    assert instant("2024-11-03T01:30:00", rules) == micros("2024-11-03T05:30:00Z")
    assert instant("2024-03-10T02:30:00", rules) == micros("2024-03-10T07:30:00Z")
    assert instant("2024-03-10T02:30:00Z", rules) == micros("2024-03-10T02:30:00Z")


def test_windows() -> None:
    """Weeks begin on Mondays, every other window counts from 1970."""
    week = Rules(window=7 * 24 * HOUR)
    assert window_of(micros("2024-05-12T23:59:59Z"), week) == micros("2024-05-06T00:00:00Z")
    assert window_of(-1, Rules()) == -HOUR
    assert window_of(monday(now_us(), 3), week) == monday(now_us(), 3)


def test_receipt() -> None:
    """Rows are accepted, late, future or rejected, and nothing else."""
    now = now_us()
    rows: list[object] = [
        {"timestamp": iso(now), "x": 1},
        {"timestamp": now - 25 * HOUR},
        3,
        {"timestamp": ""},
        {"y": 2},
    ]
    expected = count([*rows, {"timestamp": now + HOUR}], [Feature("x", "numeric", ranges([0.0]))], Rules(), now=now)
    assert (expected.received, expected.accepted, expected.late, expected.future, expected.untimed) == (6, 2, 1, 1, 1)
    assert expected.rejections == [(2, "not an object"), (3, "unreadable time")]
    assert expected.ignored == {"y"}


def test_published_scores() -> None:
    """The plain scores give the values printed for R's generator and for a half row."""
    bins = ranges([0.0, 1.0, 2.0])[:4]
    for position, one in enumerate(bins):
        one["mean"] = float(position)
    reference, current = [248, 247, 260, 245], [13, 43, 63, 81]
    assert distances.psi(bins, reference, current) == pytest.approx(0.34045922250874594, abs=1e-13)
    assert distances.js(reference, current) == pytest.approx(0.040349349653348514, abs=1e-13)
    assert distances.tvd(reference, current) == pytest.approx(0.215, abs=1e-13)
    assert distances.wasserstein(bins, reference, current, scale=1.0) == pytest.approx(0.558, abs=1e-13)
    interval, p = distances.ks(bins, reference, current), distances.ks_p(bins, reference, current)
    assert interval is not None
    assert p is not None
    assert interval[0] == pytest.approx(0.215, abs=1e-13)
    assert p[0] < 2.960138783248252e-07 < p[1]
    five = ranges([0.0, 1.0, 2.0, 3.0])[:5]
    assert distances.psi(five, [100, 200, 300, 400, 0], [10, 30, 20, 35, 5]) == pytest.approx(
        0.3157255154592695, abs=1e-13
    )


def test_against_scipy() -> None:
    """Distance, interval and tail agree with scipy on raw values."""
    generator = np.random.default_rng(3)
    reference, current = generator.normal(size=900), generator.normal(0.3, 1.2, size=400)
    edges = [float(one) for one in np.quantile(reference, np.linspace(0, 1, 21)[1:-1])]
    bins = ranges(edges)[:20]
    h, x = (np.bincount(np.searchsorted(edges, v), minlength=20).tolist() for v in (reference, current))
    interval = distances.ks(bins, h, x)
    assert interval is not None
    assert interval[0] <= ks_2samp(reference, current).statistic <= interval[1]
    exact = distances.exact_ks(list(reference), list(current))
    assert exact == pytest.approx(ks_2samp(reference, current).statistic, abs=1e-12)
    for position, one in enumerate(bins):
        one["mean"] = position**2 / 7
    means = [one["mean"] for one in bins]
    moved = wasserstein_distance(means, means, x, h)
    assert distances.wasserstein(bins, h, x, scale=2.0) == pytest.approx(moved / 2, rel=1e-12)
    for t in (0.05, 0.2, 0.5, 1.0, 1.358, 3.0):
        assert distances.kolmogorov(t) == pytest.approx(kolmogorov(t), rel=1e-9, abs=1e-12)
