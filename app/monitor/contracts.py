"""What became of expectations in the newest window of each version, for the gauges."""

from collections import defaultdict
from typing import Final

from app.metrics.snapshot import ExpectationView
from app.quality.suite import Expectation
from app.storage import results, suites
from app.storage.database import Connection

UNJUDGED: Final = frozenset({"insufficient_rows", "no_sample"})


def contracts(conn: Connection, model_id: int) -> dict[str, list[ExpectationView]]:
    """Give the expectations of each version; of two alike the one that failed counts, and the larger share."""
    active = {one.id: one.document["expectations"] for one in suites.listed(conn, model_id, active=True)}
    found: dict[str, dict[tuple[str, str, str], ExpectationView]] = defaultdict(dict)
    for run in results.newest(conn, model_id, suite_ids=sorted(active)) if active else ():
        for expectation, result in zip(active[run.suite_id], run.results, strict=True):
            if result["error"] in UNJUDGED:
                continue
            feature = ",".join(Expectation(expectation["type"], expectation["kwargs"]).columns)
            view = ExpectationView(
                expectation["type"], feature, expectation["severity"], result["success"], result["unexpected_ratio"]
            )
            key = (view.expectation, view.feature, view.severity)
            other = found[run.version].get(key)
            found[run.version][key] = view if other is None else _worse(view, other)
    return {version: list(views.values()) for version, views in found.items()}


def _worse(one: ExpectationView, other: ExpectationView) -> ExpectationView:
    shares = [view.unexpected_ratio for view in (one, other) if view.unexpected_ratio is not None]
    return ExpectationView(
        one.expectation, one.feature, one.severity, one.success and other.success, max(shares, default=None)
    )
