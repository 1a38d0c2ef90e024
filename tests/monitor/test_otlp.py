"""What becomes of the records of an export."""

from app.monitor.otlp import SHOWN, Outcome


def test_the_first_reasons_are_told() -> None:
    """Many records may be rejected for as many reasons; a few of them are kept, each once, in their order."""
    outcome = Outcome(as_json=True)
    outcome.reject(0, "none")
    for n in range(1000):
        outcome.reject(2, f"reason {n // 2}")
    assert outcome.rejected == 2000
    assert outcome.message == "; ".join(f"reason {n}" for n in range(SHOWN))
    assert len(outcome.reasons) == SHOWN
