"""Suites of expectations: taken, derived, listed, switched; and what became of them."""

from collections.abc import Iterator
from typing import Any

from app.errors import Conflict, NotFound, PreconditionFailed
from app.monitor.catalog import Watched
from app.monitor.gauges import publish
from app.monitor.instants import instant_text
from app.monitor.models import Author
from app.monitor.promotion import find
from app.monitor.sensitive import sensitive_names
from app.monitor.service import Service
from app.quality.abroad import abroad
from app.quality.derive import derive
from app.quality.exact import may_decide
from app.quality.process import LIBRARY, installed
from app.quality.suite import Suite, read_posted, read_suite
from app.storage import audit, baselines, exposition, models, results, suites
from app.storage.database import Connection
from app.storage.results import StoredResult
from app.storage.suites import StoredSuite
from app.wire.names import check_name

NAME_BYTES = 128
READ_S = 60.0


def post(  # noqa: PLR0913 - one stored suite depends on all of them
    service: Service, name: str, document: object, *, source: str, activate: bool, show_values: bool, author: Author
) -> dict[str, Any]:
    """Store the next version of a suite and let it hold; Conflict where Great Expectations is not installed."""
    check_installed()
    suite = read_posted(document)
    check_name(suite.name, "suite", limit=NAME_BYTES)
    watched = service.catalog.watched(name, fresh=True)
    with service.database.transaction() as conn:
        now_us = service.now_us()
        suites.lock(conn, watched.id)
        stored = suites.add(
            conn,
            watched.id,
            name=suite.name,
            source=source,
            document=suite.document(),
            show_values=show_values,
            now_us=now_us,
        )
        models.lock(conn, watched.id)  # as late as can be: a large suite takes long to store, and batches wait for it
        if activate:
            _activate(conn, stored, now_us=now_us)
        _record(conn, watched, stored, action="expectations.create", author=author, now_us=now_us)
    _changed(service, name)
    return described(service, watched, _again(service, watched, stored))


def from_baseline(  # noqa: PLR0913 - as above
    service: Service, name: str, *, number: int | None, suite: str | None, activate: bool, author: Author
) -> dict[str, Any]:
    """Derive a suite from a baseline, the active one unless told, and let it hold."""
    check_installed()
    watched = service.catalog.watched(name, fresh=True)
    document = derived(service, watched, number=number, suite=suite).document()
    return post(service, name, document, source="baseline", activate=activate, show_values=False, author=author)


def derived(service: Service, watched: Watched, *, number: int | None, suite: str | None) -> Suite:
    """Derive a suite from a baseline and its windows, or from those that it has."""
    with service.database.snapshot(deadline_s=READ_S) as read:
        wanted = number if number is not None else watched.activation(service.now_us()).number
        info = find(read, watched, wanted)
        baseline = service.catalog.baseline(info.id)
        chunks = (chunk.counts for chunk in baselines.windows(read, info.id))
        secret = sensitive_names(watched)
        return derive(baseline, chunks, name=suite or "baseline", min_rows=service.policy.min_rows, secret=secret)


def exported(service: Service, watched: Watched, *, number: int | None, suite: str | None = None) -> Suite:
    """Derive a suite for somebody's own pipeline, or for a file that people change."""
    return abroad(derived(service, watched, number=number, suite=suite))


def listed(
    service: Service,
    watched: Watched,
    *,
    suite: str | None = None,
    number: int | None = None,
    active: bool | None = None,
) -> list[dict[str, Any]]:
    """List suites by name and version."""
    with service.database.snapshot() as conn:
        found = suites.listed(conn, watched.id, name=suite, number=number, active=active)
    return [described(service, watched, one) for one in found]


def activate(service: Service, name: str, suite: str, *, number: int | None, author: Author) -> dict[str, Any]:
    """Let a version of a suite hold, the newest unless told."""
    watched = service.catalog.watched(name, fresh=True)
    with service.database.transaction() as conn:
        now_us = service.now_us()
        models.lock(conn, watched.id)
        found = suites.listed(conn, watched.id, name=suite, number=number)
        if not found:
            raise _unknown(suite)
        _activate(conn, found[-1], now_us=now_us)
        _record(conn, watched, found[-1], action="expectations.activate", author=author, now_us=now_us)
    _changed(service, name)
    return described(service, watched, _again(service, watched, found[-1]))


def retire(service: Service, name: str, suite: str, *, author: Author) -> None:
    """Let no version of a suite hold; without any suite no rows are sampled."""
    watched = service.catalog.watched(name, fresh=True)
    with service.database.transaction() as conn:
        now_us = service.now_us()
        models.lock(conn, watched.id)
        held = suites.listed(conn, watched.id, name=suite, active=True)
        if not held or not suites.retire(conn, watched.id, suite):
            raise _unknown(suite)
        models.touch(conn, watched.id)
        _record(conn, watched, held[0], action="expectations.retire", author=author, now_us=now_us)
        exposition.bump(conn)
    _changed(service, name)


def outcomes(  # noqa: PLR0913 - the filters of a list
    service: Service,
    watched: Watched,
    *,
    from_us: int | None,
    to_us: int | None,
    version: str | None,
    suite: str | None,
) -> Iterator[dict[str, Any]]:
    """List what became of every suite by window, version and suite."""
    with service.database.snapshot(deadline_s=READ_S) as conn:
        known = {one.id: one for one in suites.listed(conn, watched.id, name=suite)}
        found = results.listed(conn, watched.id, from_us=from_us, to_us=to_us, version=version, suite_ids=sorted(known))
    for one in found:
        yield _outcome(one, known[one.suite_id])


def described(service: Service, watched: Watched, stored: StoredSuite) -> dict[str, Any]:
    """Write a suite with its place among the versions; `exact` marks what counts decide whatever comes."""
    suite = read_suite(stored.document)
    active = watched.schedule[-1] if watched.schedule else None
    baseline = None if active is None else service.catalog.baseline(active.baseline_id)
    return {
        "version": stored.number,
        "status": "active" if stored.active else "inactive",
        "name": stored.name,
        "source": stored.source,
        "values": stored.show_values,
        "created_at": instant_text(stored.created_us),
        "activated_at": None if stored.activated_us is None else instant_text(stored.activated_us),
        "expectations": [
            {**one.document(), "exact": baseline is not None and may_decide(one, baseline)}
            for one in suite.expectations
        ],
    }


def check_installed() -> None:
    """Refuse where Great Expectations cannot be imported."""
    if not installed():
        detail = f"{LIBRARY} is not installed beside the service: pip install 'driftgauge[quality]'"
        raise Conflict("quality-not-installed", detail)


def _outcome(result: StoredResult, stored: StoredSuite) -> dict[str, Any]:
    told = [
        {
            "expectation": expectation["type"],
            "kwargs": expectation["kwargs"],
            "severity": expectation["severity"],
            **one,
        }
        for expectation, one in zip(stored.document["expectations"], result.results, strict=True)
    ]
    return {
        "window_start": instant_text(result.window_start_us),
        "version": result.version,
        "suite": stored.name,
        "suite_version": stored.number,
        "rows": result.rows,
        "sample_rows": result.sample_rows,
        "computed_at": instant_text(result.computed_us),
        "results": told,
    }


def _activate(conn: Connection, stored: StoredSuite, *, now_us: int) -> None:
    suites.activate(conn, stored, now_us=now_us)
    models.touch(conn, stored.model_id)
    exposition.bump(conn)


def _again(service: Service, watched: Watched, stored: StoredSuite) -> StoredSuite:
    with service.database.snapshot() as conn:
        found = suites.listed(conn, watched.id, name=stored.name, number=stored.number)
    if not found:
        raise PreconditionFailed("model-changed", "the model was removed meanwhile")
    return found[0]


def _record(  # noqa: PLR0913 - what an event tells
    conn: Connection, watched: Watched, stored: StoredSuite, *, action: str, author: Author, now_us: int
) -> None:
    audit.record(
        conn,
        actor=author.actor,
        action=action,
        object_=watched.model.name,
        before=None,
        after={"suite": stored.name, "version": stored.number, "expectations": len(stored.document["expectations"])},
        request_id=author.request_id,
        now_us=now_us,
    )


def _changed(service: Service, name: str) -> None:
    service.catalog.forget(name)
    publish(service)


def _unknown(suite: str) -> NotFound:
    return NotFound("unknown-suite", f"the model has no such suite: {suite[:128]!r}")
