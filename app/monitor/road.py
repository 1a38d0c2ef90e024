"""A road that stops where it waits for a commit, so that nobody has to stand and wait with it."""

from collections.abc import Generator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from typing import Any

from app.errors import Unavailable
from app.storage.ledger import Outcome

Road = Generator[Future[Outcome] | None, Outcome | None, dict[str, Any]]
"""Yields the future of each commit, and None before more work than to write a receipt; returns the receipt."""


def walk(road: Road, *, timeout_s: float) -> dict[str, Any]:
    """Go to the end of a road, waiting in this thread."""
    try:
        met = next(road)
        while True:
            met = onward(road, None if met is None else settled(met, timeout_s=timeout_s))
    except StopIteration as end:
        receipt: dict[str, Any] = end.value
        return receipt
    finally:
        road.close()


def onward(road: Road, found: Outcome | Exception | None) -> Future[Outcome] | None:
    """Go on with what became of a commit; StopIteration at the end of the road."""
    return road.throw(found) if isinstance(found, Exception) else road.send(found)


def settled(future: Future[Outcome], *, timeout_s: float | None = None) -> Outcome | Exception:
    """Wait for a commit; gives what became of it, or why that is not known."""
    try:
        return future.result(timeout_s)
    except LateError:
        detail = "the database did not answer in time; send the same bytes again"
        return Unavailable("outcome-unknown", detail, stored="unknown", retry_after=2)
    except Exception as error:  # noqa: BLE001 - the road is told
        return error
