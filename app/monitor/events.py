"""The door of events: unpack, read, commit, count what happened."""

from collections.abc import Mapping

from app.errors import BadRequest, Problem
from app.monitor import pairing
from app.monitor.service import Service
from app.wire.inflate import inflate
from app.wire.senders.events import Event, Sender, events_of


def receive(service: Service, headers: Mapping[str, str], body: bytes, *, asked: pairing.Asked) -> int:
    """Commit the events of a body; gives the number of rows they ask about."""
    kind = Sender.KSERVE.value
    try:
        with service.decodes:
            plain = _unpacked(body, limit=service.policy.max_decoded_bytes)
        with service.burden.carrying(0 if plain is body else len(plain)):
            with service.decodes:
                events = events_of(headers, plain)
            kind = next((event.sender.value for event in events if isinstance(event, Event)), kind)
            rows = pairing.receive(service, events, asked)
    except Problem as problem:
        service.instruments.count_request(kind, problem.status)
        raise
    service.instruments.count_request(kind, 200)
    return rows


def _unpacked(body: bytes, *, limit: int) -> bytes:
    """Decompress a body; one that cannot be is left to its events, which know whose it is."""
    try:
        return inflate(body, None, limit=limit)
    except BadRequest:
        return body
