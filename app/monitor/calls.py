"""One call of a model: what was asked, what it answered and what turned out to be true, as rows to count."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from app.drift.columns import Role
from app.monitor.catalog import Watched
from app.monitor.senders import side_of, steering
from app.storage.pairing import Stored, batch_id
from app.wire.names import lawful
from app.wire.senders.calls import read_request, read_response, read_truth
from app.wire.senders.events import Event, Half, Sender
from app.wire.senders.joined import joined
from app.wire.senders.sides import Answer
from app.wire.table import Table

BITS: Final = {Half.REQUEST: 1, Half.RESPONSE: 2, Half.FEEDBACK: 4}
_DIGEST: Final = 16
_TYPE_LETTERS: Final = 200
_NOTHING: Final = Table(rows=0, columns={}, received=0)
_TRUTH: Final = frozenset({Role.OUTCOME})


@dataclass(frozen=True, slots=True)
class Call:
    """The halves of a call that are counted together: with a request as its rows, without one as what is left."""

    parts: Mapping[Half, Stored]
    backfill: bool = False

    @classmethod
    def of(cls, parts: Iterable[Stored]) -> "Call":
        """Gather the halves of one pair."""
        return cls({Half(part.half): part for part in parts})

    @property
    def first(self) -> Stored:
        """Give the half that says when and by which version the call was made."""
        return next(self.parts[half] for half in Half if half in self.parts)

    @property
    def sender(self) -> Sender:
        """Tell who sent it."""
        return Sender(self.first.sender)

    @property
    def batch_id(self) -> str:
        """Give the id under which the call counts once; a half without its request has one of its own."""
        alone = None if Half.REQUEST in self.parts else self.first.half
        return batch_id(self.first.sender, self.first.pair, alone)

    @property
    def version(self) -> str | None:
        """Give the version that served the call."""
        return self.first.version or None

    @property
    def at_us(self) -> int | None:
        """Give the time of the call."""
        return self.first.event_us

    @property
    def received_us(self) -> int | None:
        """Give the time at which the call was heard of."""
        return self.first.received_us

    @property
    def roles(self) -> frozenset[Role] | None:
        """Give the roles that the rows carry: a truth that came late has only outcomes."""
        return None if Half.REQUEST in self.parts else _TRUTH

    @property
    def bits(self) -> int:
        """Give a bit for each half that is counted."""
        return sum(BITS[half] for half in self.parts)

    def fingerprint(self) -> bytes:
        """Give the pair, and which halves of it were counted."""
        return hashlib.sha256(self.first.pair).digest()[:_DIGEST] + bytes([self.bits])

    def table(self, watched: Watched) -> Table:
        """Read the rows of the call."""
        answers = self._answers(watched)
        request = self.parts.get(Half.REQUEST)
        if request is not None:
            table = asked(request, watched)
            fitting = [answer for answer in answers if answer.rows == table.received]
            own = frozenset(side_of(watched, Role.FEATURE).ordered)
            return joined(table, fitting, own=own, barred=steering(watched))
        if Half.FEEDBACK not in self.parts:
            return _NOTHING
        truth = answers[-1]
        return Table(rows=truth.rows, columns=truth.columns, received=truth.rows)

    def _answers(self, watched: Watched) -> list[Answer]:
        return [answered(part, watched) for half, part in self.parts.items() if half is not Half.REQUEST]


def asked(part: Stored, watched: Watched) -> Table:
    """Read the rows of a request."""
    side = side_of(watched, Role.FEATURE)
    return read_request(part.body, part.content_type, header_length=part.header_length, side=side)


def answered(part: Stored, watched: Watched) -> Answer:
    """Read a response or a feedback."""
    if part.half == Half.FEEDBACK:
        return read_truth(part.body, side=side_of(watched, Role.OUTCOME))
    side = side_of(watched, Role.PREDICTION)
    return read_response(part.body, part.content_type, header_length=part.header_length, side=side)


def counted_bits(fingerprint: bytes) -> int:
    """Tell which halves are in the batch of this fingerprint."""
    return fingerprint[-1] if len(fingerprint) > _DIGEST else 0


def stored_of(  # noqa: PLR0913 - a half is all of it
    event: Event, watched: Watched, *, body: bytes, version: str | None, event_us: int, now_us: int
) -> Stored:
    """Make of an event what is kept of it."""
    named = version or event.version
    pair = hashlib.sha256("\0".join([str(watched.id), event.sender, *event.pair]).encode("utf-8", "surrogatepass"))
    return Stored(
        pair=pair.digest(),
        half=event.half.value,
        model_id=watched.id,
        sender=event.sender.value,
        version=named if lawful(named) else "",
        content_type=event.content_type[:_TYPE_LETTERS] if event.content_type.isprintable() else "",
        header_length=event.header_length,
        body=body,
        event_us=event_us,
        received_us=now_us,
    )


def wanted(watched: Watched, sender: Sender) -> frozenset[Half]:
    """Tell which halves make a call whole; only Seldon tells the truth, and only a model with outcomes waits for it."""
    truthful = sender is Sender.SELDON and any(feature.role is Role.OUTCOME for feature in watched.model.features)
    return frozenset(Half) if truthful else frozenset({Half.REQUEST, Half.RESPONSE})
