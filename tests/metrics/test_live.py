"""The process's own series against what prometheus_client writes."""

import math

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest as plain
from prometheus_client.openmetrics.exposition import generate_latest as modern

from app.metrics.live import lines
from metrics.views import used

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(['a"b', "a\\b", "a\nb", "\\n"])
NUMBERS = st.floats() | st.integers(-(10**18), 10**18)


@given(TEXTS, st.dictionaries(st.tuples(TEXTS, TEXTS), NUMBERS, max_size=4), st.lists(st.floats(0, 1e9), max_size=4))
def test_the_same_bytes(about: str, values: dict[tuple[str, str], float], seen: list[float]) -> None:
    """Counters, gauges and histograms with labels and values of every kind, in both formats."""
    registry = CollectorRegistry()
    gauge = Gauge("a_gauge", about, ["z", "a"], registry=registry)
    counter = Counter("a_counter", about, ["z", "a"], registry=registry)
    histogram = Histogram("a_histogram", about, buckets=(0.1, 2.5, 1e7, 1e21), registry=registry)
    for labels, value in values.items():
        gauge.labels(*labels).set(value)
        counter.labels(*labels).inc(0 if math.isnan(value) else abs(value))
    for value in seen:
        histogram.observe(value)
    assert lines(registry, modern=False) == plain(registry)
    assert lines(registry, modern=True) == modern(registry)  # type: ignore[no-untyped-call]


def test_our_own() -> None:
    """Every series that the service counts is written as the library writes it, process series aside."""
    registry = used().registry
    known = plain(registry), modern(registry)  # type: ignore[no-untyped-call]
    for how, theirs in enumerate(known):
        ours = lines(registry, modern=bool(how))
        assert [one for one in ours.splitlines() if not one.startswith(b"process_")] == [
            one for one in theirs.splitlines() if not one.startswith(b"process_")
        ]
