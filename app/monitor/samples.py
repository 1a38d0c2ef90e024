"""Bodies that could not be read, remembered so that somebody can find out why."""

import base64
import re
import threading
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

_PAUSE_S: Final = 1.0
_BODY_BYTES: Final = 64 * 2**10
_LETTERS: Final = 200
_MOST: Final = 1000
_DIGITS: Final = re.compile(r"[0-9]+")


class Notebook:
    """Counts what happens more often than it is written down: each reason once a second at most."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._lock = threading.Lock()
        self._seen: dict[tuple[int, str, str], tuple[float, int]] = {}

    def due(self, key: tuple[int, str, str], *, now_s: float) -> int:
        """Count once more; gives how many to write down now, 0 when it is too early."""
        with self._lock:
            if key not in self._seen and len(self._seen) >= _MOST:
                self._seen.pop(next(iter(self._seen)))
            then, count = self._seen.get(key, (float("-inf"), 0))
            early = now_s - then < _PAUSE_S
            self._seen[key] = (then, count + 1) if early else (now_s, 0)
        return 0 if early else count + 1


_NOTEBOOK: Final = Notebook()


def note(  # noqa: PLR0913 - a sample is all of it
    service: Service, watched: Watched, problem: Problem, *, kind: str, content_type: str, body: bytes
) -> None:
    """Count a body of a model that was refused; its bytes are kept only where the settings ask for it."""
    reason = _DIGITS.sub("N", f"{problem.code}: {problem.detail}")[:_LETTERS]
    if not reason.isprintable():
        reason = problem.code
    count = _NOTEBOOK.due((watched.id, kind, reason), now_s=time.monotonic())
    if not count:
        return
    now_us = service.now_us()
    sample = Sample(
        format=kind,
        reason=reason,
        count=count,
        content_type=content_type[:_LETTERS] if content_type.isprintable() else "",
        size=len(body),
        body=body[:_BODY_BYTES] if service.policy.keep_undecodable_bodies else None,
        first_us=now_us,
        last_us=now_us,
    )
    try:
        with service.database.transaction() as conn:
            samples.note(conn, watched.id, sample)
    except Problem as error:
        log.warning("sample not kept", model=watched.model.name, code=error.code)


def listed(service: Service, watched: Watched) -> list[dict[str, object]]:
    """List what was refused, the newest first."""
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
