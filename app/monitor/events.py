"""The door of events: unpack, read, commit, count what happened."""

from collections.abc import Mapping
from typing import Final

from app.errors import BadRequest, Problem, TooLarge
from app.monitor import pairing, record
from app.monitor.halves import Asked, heard
from app.monitor.service import Service
from app.wire.inflate import inflate
from app.wire.senders.events import Event, Half, Sender, events_of

MOST: Final = 5_000


def receive(service: Service, headers: Mapping[str, str], body: bytes, *, asked: Asked) -> int:
    """Commit the events of a body; gives the number of rows they ask about."""
    kind = Sender.KSERVE.value
    try:
        with service.decodes:
            plain = _unpacked(body, limit=service.policy.max_decoded_bytes)
        with service.burden.carrying(0 if plain is body else len(plain)):
            with service.decodes.of(len(plain)):
                events = events_of(headers, plain)
            if len(events) > MOST:
                raise TooLarge("body-too-large", f"a batch may hold {MOST} events, this one has {len(events)}")
            kind = next((event.sender.value for event in events if isinstance(event, Event)), kind)
            read = heard(service, events, asked)
            pairing.keep(service, read)
    except Problem as problem:
        service.instruments.count_request(kind, problem.status)
        if problem.code == record.IN_PROGRESS:
            raise record.unknown_outcome(problem) from problem
        raise
    service.instruments.count_request(kind, 200)
    return sum(one.rows for one in read if one.event.half is Half.REQUEST)


def _unpacked(body: bytes, *, limit: int) -> bytes:
    """Decompress a body; one that cannot be is left to its events, which know whose it is."""
    try:
        return inflate(body, None, limit=limit)
    except BadRequest:
        return body
