"""Events as halves of calls: whose they are, and what they hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from app.errors import BadRequest, Conflict, Problem, Refused
from app.monitor import samples
from app.monitor.calls import answered, asked, stored_of, wanted
from app.monitor.catalog import Watched
from app.monitor.keyring import Holder
from app.monitor.senders import Finder
from app.monitor.service import Service
from app.storage.pairing import Stored
from app.wire.inflate import inflate
from app.wire.senders.calls import rows_told
from app.wire.senders.events import Event, Half
from app.wire.times import READ, instants

_UTC: Final = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the URL and the key said about events."""

    model: str | None
    version: str | None
    holder: Holder


@dataclass(frozen=True, slots=True)
class Heard:
    """An event that was understood: its model, the half as it is kept, and the rows that it tells of."""

    watched: Watched
    event: Event
    half: Stored
    rows: int


def heard(service: Service, events: Sequence[Event | BadRequest], asked_for: Asked) -> list[Heard]:
    """Read events; those of unknown models are counted, BadRequest when not one can be read."""
    read: list[Heard] = []
    problems: list[Problem] = []
    left = service.policy.max_decoded_bytes
    finder = Finder(service, asked_for.holder)
    for event in events:
        if isinstance(event, BadRequest):
            problems.append(event)
            continue
        watched = finder.find([asked_for.model, *event.candidates])
        if watched is None:
            _unknown(service, event)
            continue
        if event.failed or (event.half is Half.FEEDBACK and Half.FEEDBACK not in wanted(watched, event.sender)):
            continue
        try:
            understood = _understood(service, event, watched, version=asked_for.version, limit=left)
        except (BadRequest, Refused, Conflict) as problem:
            problems.append(problem)
            if len(events) > 1:
                service.instruments.count_rows(watched.model.name, event.sender, outcome="rejected", rows=1)
            if not isinstance(problem, Conflict):
                said = event.content_type
                samples.note(service, watched, problem, kind=event.sender, content_type=said, body=event.body)
            continue
        left -= len(understood.half.body)
        read.append(understood)
    if problems and len(problems) == len(events):
        raise problems[0]
    return read


def _unknown(service: Service, event: Event) -> None:
    """Count the rows that nobody watches."""
    if event.half is Half.REQUEST:
        with service.decodes:
            told = rows_told(event.body, header_length=event.header_length)
        service.instruments.count_rows("", event.sender, outcome="unknown_model", rows=told)


def _understood(service: Service, event: Event, watched: Watched, *, version: str | None, limit: int) -> Heard:
    """Read a half to the end, so that what cannot be read is refused while its sender still listens."""
    try:
        return _read(service, event, watched, version=version, limit=limit)
    except BadRequest as problem:
        if problem.code != "schema-width":
            raise
    newest = service.catalog.watched(watched.model.name, fresh=True)
    return _read(service, event, newest, version=version, limit=limit)


def _read(service: Service, event: Event, watched: Watched, *, version: str | None, limit: int) -> Heard:
    now_us = service.now_us()
    watched.activation(now_us)
    body = inflate(event.body, None, limit=limit)
    times = instants([event.time or None], 1, receipt_us=now_us, naive="utc", zone=_UTC, text=False)
    event_us = int(times.us[0]) if times.state[0] == READ else now_us
    half = stored_of(event, watched, body=body, version=version, event_us=event_us, now_us=now_us)
    with service.decodes:
        rows = (asked(half, watched).received) if event.half is Half.REQUEST else answered(half, watched).rows
    if rows > service.policy.max_rows:
        raise Refused("too-many-rows", f"a batch may hold {service.policy.max_rows} rows, this one has {rows}")
    return Heard(watched, event, half, rows)
