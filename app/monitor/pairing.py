"""The road of events: two halves of a call find each other in the database, and the call is counted once."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from app import failpoints
from app.errors import BadRequest, Conflict, NotFound, Problem, Refused, Unavailable
from app.monitor import ingest, samples
from app.monitor.calls import Call, answered, asked, counted_bits, stored_of, wanted
from app.monitor.catalog import Watched
from app.monitor.keyring import Holder
from app.monitor.senders import resolve
from app.monitor.service import Service
from app.storage import models, pairing
from app.storage.models import Model
from app.storage.pairing import Arrival, Stored
from app.wire.inflate import inflate
from app.wire.senders.calls import rows_told
from app.wire.senders.events import Event, Half
from app.wire.times import READ, instants

log = structlog.get_logger()

_UTC: Final = ZoneInfo("UTC")
_SWEPT: Final = 500
_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """What the URL and the key said about events."""

    model: str | None
    version: str | None
    holder: Holder


@dataclass(frozen=True, slots=True)
class _Read:
    """An event that was understood: its model, the half as it is kept, and the rows that it tells of."""

    watched: Watched
    event: Event
    half: Stored
    rows: int


def receive(service: Service, events: Sequence[Event | BadRequest], asked_for: Asked) -> int:
    """Commit events; gives the number of rows they ask about. BadRequest when not one of them can be read."""
    read: list[_Read] = []
    problems: list[Problem] = []
    unknown = 0
    left = service.policy.max_decoded_bytes
    for event in events:
        if isinstance(event, BadRequest):
            problems.append(event)
            continue
        watched = resolve(service, [asked_for.model, *event.candidates], holder=asked_for.holder)
        if watched is None:
            unknown += 1
            _unknown(service, event)
            continue
        if event.failed:
            continue
        try:
            understood = _understood(service, event, watched, version=asked_for.version, limit=left)
        except (BadRequest, Refused) as problem:
            problems.append(problem)
            if len(events) > 1:
                service.instruments.count_rows(watched.model.name, event.sender, outcome="rejected", rows=1)
            samples.note(service, watched, problem, kind=event.sender, content_type=event.content_type, body=event.body)
            continue
        left -= len(understood.half.body)
        read.append(understood)
    if problems and len(problems) == len(events):
        raise problems[0]
    _keep(service, read)
    return sum(one.rows for one in read if one.event.half is Half.REQUEST)


def _unknown(service: Service, event: Event) -> None:
    """Count the rows that nobody watches."""
    if event.half is Half.REQUEST:
        with service.decodes:
            told = rows_told(event.body, header_length=event.header_length)
        service.instruments.count_rows("", event.sender, outcome="unknown_model", rows=told)


def _understood(service: Service, event: Event, watched: Watched, *, version: str | None, limit: int) -> _Read:
    """Read a half to the end, so that what cannot be read is refused while its sender still listens."""
    try:
        return _read(service, event, watched, version=version, limit=limit)
    except BadRequest as problem:
        if problem.code != "schema-width":
            raise
    newest = service.catalog.watched(watched.model.name, fresh=True)
    return _read(service, event, newest, version=version, limit=limit)


def _read(service: Service, event: Event, watched: Watched, *, version: str | None, limit: int) -> _Read:
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
    return _Read(watched, event, half, rows)


def _keep(service: Service, read: Sequence[_Read]) -> None:
    """Commit halves, and count the calls that are whole by now."""
    for one in read:
        if one.event.lone:
            _count(service, one.watched, Call.of([one.half]), unpaired=False)
    halves = [one for one in read if not one.event.lone]
    if not halves:
        return
    size = sum(len(one.half.body) for one in halves)
    with service.waiting.carrying(size):
        arrivals = service.pairs.arrive([one.half for one in halves])
    service.waiting.add(size)
    failpoints.hit("pairing.after_arrival")
    whole: set[bytes] = set()
    for one, arrival in zip(halves, arrivals, strict=True):
        _settle(service, one, arrival, whole=whole)


def _settle(service: Service, one: _Read, arrival: Arrival, *, whole: set[bytes]) -> None:
    """Do what the arrival of a half calls for; what fails now is done by a later round."""
    name, instruments = one.watched.model.name, service.instruments
    bits = 0 if arrival.counted is None else counted_bits(arrival.counted)
    again = arrival.alone or bits & Call.of([one.half]).bits or (arrival.known and arrival.counted is None)
    if again and one.event.half is Half.REQUEST:
        instruments.count_rows(name, one.event.sender, outcome="duplicate", rows=one.rows)
    try:
        if arrival.counted is not None or arrival.alone:
            if not again:
                _late(service, one)
        elif one.half.pair not in whole and wanted(one.watched, one.event.sender) <= {
            Half(part.half) for part in arrival.parts
        }:
            whole.add(one.half.pair)
            finish(service, one.watched, arrival.parts)
    except (Unavailable, Conflict) as problem:
        log.warning("call counted later", model=name, code=problem.code)


def _late(service: Service, one: _Read) -> None:
    """Take a half whose call was counted without it: a truth is a row of its own, an answer comes to nothing."""
    if one.event.half is Half.FEEDBACK:
        _count(service, one.watched, Call.of([one.half]), unpaired=False)
    else:
        service.instruments.count_unpaired(one.watched.model.name, one.event.half.value)


def finish(service: Service, watched: Watched, parts: Sequence[Stored]) -> None:
    """Count a call with the halves there are, and forget them."""
    _count_parts(service, watched, parts)
    _forget(service, parts)


def _count_parts(service: Service, watched: Watched, parts: Sequence[Stored]) -> None:
    call = Call.of(parts)
    if Half.REQUEST in call.parts:
        _count(service, watched, call, unpaired=True)
        return
    for part in parts:
        _count(service, watched, Call.of([part]), unpaired=True)


def _forget(service: Service, parts: Sequence[Stored]) -> None:
    failpoints.hit("pairing.after_count")
    service.pairs.forget(parts)
    service.waiting.give(sum(len(part.body) for part in parts))


def _count(service: Service, watched: Watched, call: Call, *, unpaired: bool) -> None:
    name, kind = watched.model.name, call.sender.value
    try:
        receipt = ingest.delivery(service, name, shipment=call, kind=kind, repeated=not unpaired)
    except (BadRequest, Refused, NotFound) as problem:
        _refused(service, name, call, problem)
        return
    if receipt["duplicate"] or not unpaired:
        return
    for half, other in ((Half.REQUEST, Half.RESPONSE), (Half.RESPONSE, Half.REQUEST)):
        if half in call.parts and other not in call.parts:
            service.instruments.count_unpaired(name, half.value)


def _refused(service: Service, name: str, call: Call, problem: Problem) -> None:
    """Give up a call that another replica counted with other halves, or that the model no longer fits."""
    if problem.code == "batch-id-reused":
        return
    log.warning("call not counted", model=name, code=problem.code)
    if Half.REQUEST in call.parts and len(call.parts) > 1 and isinstance(problem, BadRequest):
        _count(service, service.catalog.watched(name), Call.of([call.parts[Half.REQUEST]]), unpaired=True)


def sweep(service: Service) -> int:
    """Count the calls whose other half did not come in time, and those that nobody could finish; gives how many."""
    service.pairs.flush()
    with service.database.transaction(deadline_s=math.inf) as turn:
        if not pairing.claim(turn):
            return 0
        before = service.now_us() - service.policy.pairing_timeout_us
        with service.database.snapshot() as conn:
            pairs = pairing.due(conn, received_before_us=before, limit=_SWEPT)
            found = {part.model_id: models.get(conn, part.model_id) for parts in pairs for part in parts[:1]}
            held = pairing.held(conn)
        service.waiting.settle(held)
        if not pairs:
            return 0
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="driftgauge-sweep") as pool:
            done = list(pool.map(lambda parts: _swept(service, found[parts[0].model_id], parts), pairs))
        counted = [part for parts, over in zip(pairs, done, strict=True) if over for part in parts]
        if counted:
            _forget(service, counted)
            service.pairs.flush()
    return sum(done)


def _swept(service: Service, model: Model | None, parts: Sequence[Stored]) -> bool:
    """Count one call; False when it has to wait for another round."""
    if model is None:
        return True
    try:
        _count_parts(service, service.catalog.watched(model.name), parts)
    except (Unavailable, Conflict) as problem:
        log.warning("call counted later", model=model.name, code=problem.code)
        return False
    except Exception:
        log.exception("call not counted", model=model.name)
    return True
