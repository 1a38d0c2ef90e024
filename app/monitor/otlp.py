"""The road of an OTLP export: records to rows, rows to the models that their resources name."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from app.drift.columns import Role
from app.errors import BadRequest, Conflict, NotFound, Problem, Refused
from app.monitor import ingest, record, samples
from app.monitor.catalog import Watched
from app.monitor.keyring import Holder
from app.monitor.opening import opening
from app.monitor.senders import Finder
from app.monitor.service import Service
from app.wire.bentoml import META, bento_of, strangers
from app.wire.envelope import opened, relabelled
from app.wire.faults import clip
from app.wire.inflate import inflate, misnamed
from app.wire.jsonrows import table_of_rows
from app.wire.names import lawful
from app.wire.otlp import Logs, logs_of_protobuf
from app.wire.otlpanswers import JSON, PROTOBUF
from app.wire.otlpjson import logs_of_json
from app.wire.otlpvalues import Row
from app.wire.table import Table

OTLP: Final = "otlp"
BENTOML: Final = "bentoml"
SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Export:
    """What the sender said about a body; `as_json` None when it did not say what it is."""

    encoding: str
    as_json: bool | None
    model: str | None
    version: str | None
    holder: Holder


@dataclass(slots=True)
class Outcome:
    """How many records were received, how many of them hold no row that counts, and why."""

    as_json: bool
    received: int = 0
    rejected: int = 0
    reasons: dict[str, None] = field(default_factory=dict)

    def reject(self, records: int, reason: str) -> None:
        """Note why records do not count; the first few reasons are kept."""
        self.rejected += records
        if records and len(self.reasons) < SHOWN:
            self.reasons[reason] = None

    @property
    def message(self) -> str:
        """Tell a few of the reasons."""
        return "; ".join(self.reasons)


@dataclass(frozen=True, slots=True)
class Records:
    """The records of one export for one version of one model, as one batch."""

    batch_id: str
    rows: list[Row | None]
    version: str | None
    roles_told: tuple[tuple[str, str], ...]
    backfill: bool = False
    at_us: int | None = None
    received_us: int | None = None
    roles: frozenset[Role] | None = None

    def fingerprint(self) -> bytes:
        """Give the digest that the id is made of: the same bytes are the same records."""
        return hashlib.sha256(self.batch_id.encode()).digest()[:16]

    def table(self, watched: Watched) -> Table:
        """Read the rows, out of their envelopes."""
        table = opened(table_of_rows(self.rows), opening(watched))
        known = {feature.name: feature.role.value for feature in watched.model.features}
        return relabelled(table, strangers(dict(self.roles_told), known))


@dataclass(frozen=True, slots=True)
class _Group:
    """Records that go to the same place."""

    model: str | None
    version: str | None
    kind: str
    named: str
    roles: tuple[tuple[str, str], ...]


def export(service: Service, body: bytes, told: Export) -> Outcome:
    """Count the records of an export once; gives what became of them, after they are committed."""
    try:
        with service.decodes:
            plain = inflate(body, told.encoding, limit=service.policy.max_decoded_bytes)
        with service.burden.carrying(0 if plain is body else len(plain)):
            return _exported(service, plain, told)
    except Problem as problem:
        service.instruments.count_request(OTLP, problem.status)
        watched = Finder(service, told.holder).find([told.model]) if isinstance(problem, BadRequest) else None
        if watched is not None:
            said = "" if told.as_json is None else JSON if told.as_json else PROTOBUF
            samples.note(service, watched, problem, kind=OTLP, content_type=said, body=body)
        hidden = misnamed(told.encoding) if isinstance(problem, BadRequest) else None
        if hidden is None:
            raise
        raise BadRequest(problem.code, f"{problem.detail}; {hidden}") from problem


def _exported(service: Service, plain: bytes, told: Export) -> Outcome:
    with service.decodes.of(len(plain)):
        logs, as_json = _read(plain, told.as_json, most=service.policy.max_rows)
    outcome = Outcome(as_json if told.as_json is None else told.as_json)
    _deliver(service, logs, told, outcome, digest=hashlib.sha256(plain).hexdigest())
    return outcome


def _read(plain: bytes, as_json: bool | None, *, most: int) -> tuple[list[Logs], bool]:  # noqa: FBT001 - what was said
    """Read a body as what it is: a brace begins JSON and no export in protobuf; else as told, or as what it can be."""
    if plain[:1] == b"{":
        return logs_of_json(plain, most=most), True
    first, second = (logs_of_json, logs_of_protobuf) if as_json else (logs_of_protobuf, logs_of_json)
    try:
        return first(plain, most=most), first is logs_of_json
    except BadRequest as refusal:
        try:
            return second(plain, most=most), second is logs_of_json
        except BadRequest:
            raise refusal from None


def _deliver(service: Service, logs: list[Logs], told: Export, outcome: Outcome, *, digest: str) -> None:
    """Record each group of records under an id of its own, made of the digest of the whole body."""
    batches: dict[str, int] = {}
    kinds: set[str] = set()
    for group, rows in _groups(service, logs, told).items():
        outcome.received += len(rows)
        kinds.add(group.kind)
        if group.model is None:
            service.instruments.count_rows("", group.kind, outcome="unknown_model", rows=len(rows))
            outcome.reject(len(rows), f"no model is known as {group.named}")
            continue
        number = batches[group.model] = batches.get(group.model, -1) + 1
        records = Records(f"{digest}-{number}" if number else digest, rows, group.version, group.roles)
        _record(service, group, records, outcome)
    for kind in kinds or {OTLP}:
        service.instruments.count_request(kind, 200)


def _record(service: Service, group: _Group, records: Records, outcome: Outcome) -> None:
    """Record one group; what the model cannot take is rejected, what may be tried again is raised."""
    model = group.model or ""
    try:
        receipt = ingest.delivery(service, model, shipment=records, kind=group.kind)
    except (BadRequest, Refused, NotFound, Conflict) as problem:
        if problem.code == record.IN_PROGRESS:
            raise record.unknown_outcome(problem) from problem
        service.instruments.count_rows(model, group.kind, outcome="rejected", rows=len(records.rows))
        outcome.reject(len(records.rows), f"{clip(model)}: {problem.detail}")
    else:
        reasons = {one["reason"] for one in receipt["rejections"]}
        outcome.reject(receipt["rows"]["rejected"], f"{clip(model)}: {', '.join(sorted(reasons))}")


def _groups(service: Service, logs: Iterable[Logs], told: Export) -> dict[_Group, list[Row | None]]:
    """Sort records by where they go."""
    found: dict[_Group, list[Row | None]] = {}
    groups: dict[Any, _Group] = {}
    finder = Finder(service, told.holder)
    for one in logs:
        for row, key, roles in _keyed(one):
            whole = (one.service, one.version, key, roles)
            if whole not in groups:
                groups[whole] = _group(finder, one, told, key=key, roles=roles)
            found.setdefault(groups[whole], []).append(row)
    return found


def _keyed(logs: Logs) -> Iterator[tuple[Row | None, tuple[str, str | None], tuple[tuple[str, str], ...]]]:
    """Give each row with its kind and its bento, which is taken off it, and the roles of its columns."""
    for row in logs.rows:
        bento = None if row is None else bento_of(row)
        if row is None or bento is None:
            yield row, (OTLP, None), ()
        else:
            bare = {name: value for name, value in row.items() if name != META}
            yield bare, (BENTOML, bento.name), tuple(bento.roles.items())


def _group(
    finder: Finder, logs: Logs, told: Export, *, key: tuple[str, str | None], roles: tuple[tuple[str, str], ...]
) -> _Group:
    kind, bento = key
    watched = finder.find((told.model, logs.service, bento))
    version = next((name for name in (told.version, logs.version) if name and lawful(name)), None)
    named = " or ".join(clip(repr(name)) for name in (told.model, logs.service, bento) if name) or "service.name"
    return _Group(None if watched is None else watched.model.name, version, kind, named, roles)
