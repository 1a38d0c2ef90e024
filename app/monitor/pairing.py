"""The road of events: two halves of a call find each other in the database, and the call is counted once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import structlog

from app import failpoints
from app.errors import BadRequest, Conflict, NotFound, Problem, Refused, Unavailable
from app.monitor import ingest
from app.monitor.calls import Call, counted_bits, wanted
from app.monitor.catalog import Watched
from app.monitor.halves import Heard
from app.monitor.service import Service
from app.storage.pairing import Arrival, Stored
from app.wire.senders.events import Half

log = structlog.get_logger()

Work = TypeVar("Work")
Done = TypeVar("Done")

_ALONE: Final = 2
_AT_ONCE: Final = 16


def keep(service: Service, read: Sequence[Heard]) -> None:
    """Commit halves, and count the calls that are whole by now."""
    side_by_side([one for one in read if one.event.lone], lambda one: _alone(service, one))
    halves = [one for one in read if not one.event.lone]
    if not halves:
        return
    size = sum(len(one.half.body) for one in halves)
    with service.waiting.carrying(size):
        arrivals = service.pairs.arrive([one.half for one in halves])
    service.waiting.add(size)
    failpoints.hit("pairing.after_arrival")
    whole: dict[bytes, tuple[Heard, Sequence[Stored]]] = {}
    late = [one for one, arrival in zip(halves, arrivals, strict=True) if _settle(service, one, arrival)]
    for one, arrival in zip(halves, arrivals, strict=True):
        parts = {Half(part.half) for part in arrival.parts}
        if parts >= wanted(one.watched, one.event.sender):
            whole[one.half.pair] = (one, arrival.parts)
    side_by_side(list(whole.values()), lambda one: _whole(service, *one))
    side_by_side(late, lambda one: _late(service, one))


def side_by_side(work: Sequence[Work], do: Callable[[Work], Done]) -> list[Done]:
    """Do what mostly waits for commits, so that many of them are one."""
    if len(work) <= _ALONE:
        return [do(one) for one in work]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="driftgauge-calls") as pool:
        return list(pool.map(do, work))


def _settle(service: Service, one: Heard, arrival: Arrival) -> bool:
    """Count a half that came again; tells whether it came late instead."""
    bits = 0 if arrival.counted is None else counted_bits(arrival.counted)
    again = arrival.alone or bits & Call.of([one.half]).bits or (arrival.known and arrival.counted is None)
    if again and one.event.half is Half.REQUEST:
        service.instruments.count_rows(one.watched.model.name, one.event.sender, outcome="duplicate", rows=one.rows)
    return not again and arrival.counted is not None


def _alone(service: Service, one: Heard) -> None:
    _count(service, one.watched, Call.of([one.half]), unpaired=False)


def _whole(service: Service, one: Heard, parts: Sequence[Stored]) -> None:
    """Count a call that is whole; what fails now is done by a later round."""
    try:
        finish(service, one.watched, parts)
    except (Unavailable, Conflict) as problem:
        log.warning("call counted later", model=one.watched.model.name, code=problem.code)
    except Exception:  # a fault of ours: the halves are kept
        log.exception("call counted later", model=one.watched.model.name)


def _late(service: Service, one: Heard) -> None:
    """Take a half whose call was counted without it: a truth is a row of its own, an answer is unpaired."""
    _count(service, one.watched, Call.of([one.half]), unpaired=one.event.half is not Half.FEEDBACK)


def finish(service: Service, watched: Watched, parts: Sequence[Stored]) -> None:
    """Count a call with the halves there are, and forget them."""
    count_parts(service, watched, parts)
    forget(service, parts)


def count_parts(service: Service, watched: Watched, parts: Sequence[Stored]) -> None:
    """Count what there is of a call."""
    call = Call.of(parts)
    if Half.REQUEST in call.parts:
        _count(service, watched, call, unpaired=True)
        return
    for part in parts:
        _count(service, watched, Call.of([part]), unpaired=True)


def forget(service: Service, parts: Sequence[Stored]) -> None:
    """Let go of halves that were counted."""
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
