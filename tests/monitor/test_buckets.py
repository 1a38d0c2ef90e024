"""Rates of many callers."""

from app.monitor.buckets import Buckets


def test_one_seconds_worth() -> None:
    """Ten a second: ten at once, then none, then one each tenth of a second."""
    buckets = Buckets(10)
    for _ in range(10):
        assert buckets.wait("a", now_s=5.0) == 0
        buckets.spend("a", 1, now_s=5.0)
    assert buckets.wait("a", now_s=5.0) == 1
    assert buckets.wait("b", now_s=5.0) == 0
    assert buckets.wait("a", now_s=5.125) == 0


def test_debt_is_paid_back() -> None:
    """Forty at once at ten a second cost three seconds of waiting."""
    buckets = Buckets(10)
    buckets.spend("a", 40, now_s=0.0)
    assert buckets.wait("a", now_s=0.0) == 3
    assert buckets.wait("a", now_s=2.5) == 1
    assert buckets.wait("a", now_s=3.125) == 0


def test_no_rate_is_no_limit() -> None:
    """Zero is off."""
    buckets = Buckets(0)
    buckets.spend("a", 1e9, now_s=0.0)
    assert buckets.wait("a", now_s=0.0) == 0


def test_memory_is_bounded() -> None:
    """The callers idle for longest are forgotten."""
    buckets = Buckets(1, callers=2)
    for name in ("a", "b", "c"):
        buckets.spend(name, 5, now_s=0.0)
    assert buckets.wait("a", now_s=0.0) == 0
    assert buckets.wait("c", now_s=0.0) > 0
