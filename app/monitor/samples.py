"""Bodies that could not be read, remembered so that somebody can find out why."""

import base64
import re
import time
from typing import Final

import structlog

from app.errors import Problem
from app.monitor.catalog import Watched
from app.monitor.instants import instant_text
from app.monitor.service import Service
from app.storage import samples
from app.storage.samples import Sample

log = structlog.get_logger()

_BODY_BYTES: Final = 64 * 2**10
_LETTERS: Final = 200
_DIGITS: Final = re.compile(r"[0-9]+")


def note(  # noqa: PLR0913 - a sample is all of it
    service: Service, watched: Watched, problem: Problem, *, kind: str, content_type: str, body: bytes
) -> None:
    """Count a body of a model that was refused; its bytes are kept only where the settings ask for it."""
    reason = _DIGITS.sub("N", f"{problem.code}: {problem.detail}")[:_LETTERS]
    if not reason.isprintable():
        reason = problem.code
    now_us = service.now_us()
    sample = Sample(
        format=kind,
        reason=reason,
        count=1,
        content_type=content_type[:_LETTERS] if content_type.isprintable() else "",
        size=len(body),
        body=body[:_BODY_BYTES] if service.policy.keep_undecodable_bodies else None,
        first_us=now_us,
        last_us=now_us,
    )
    due = service.notebook.take(watched.id, sample, now_s=time.monotonic())
    if due is not None:
        _write(service, watched.id, due)


def settle(service: Service, model_id: int | None = None) -> None:
    """Write down what was only counted so far, of one model or of all."""
    for each_id, sample in service.notebook.rest(model_id):
        _write(service, each_id, sample)


def _write(service: Service, model_id: int, sample: Sample) -> None:
    try:
        with service.database.transaction() as conn:
            samples.note(conn, model_id, sample)
    except Problem as error:
        log.warning("sample not kept", model_id=model_id, code=error.code)


def listed(service: Service, watched: Watched) -> list[dict[str, object]]:
    """List what was refused, the newest first."""
    settle(service, watched.id)
    with service.database.snapshot() as conn:
        found = samples.listed(conn, watched.id)
    return [
        {
            "format": one.format,
            "reason": one.reason,
            "count": one.count,
            "content_type": one.content_type,
            "size": one.size,
            "body": None if one.body is None else base64.b64encode(one.body).decode(),
            "first": instant_text(one.first_us),
            "last": instant_text(one.last_us),
        }
        for one in found
    ]
