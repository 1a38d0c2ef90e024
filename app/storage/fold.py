"""Folding: the journal's deltas join their windows, in the transaction that deletes them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sqlalchemy import ARRAY, BigInteger, Connection, any_, bindparam, delete, func, insert, select, text

from app import failpoints
from app.storage import codec, novelties, tables
from app.storage.codec import Payload, UnreadableError
from app.storage.locks import Lock
from app.storage.types import Instant, to_datetime

_JOURNAL_ROWS: Final = 2000
_FOLDED_WINDOWS: Final = 256
_PAYLOAD_BYTES: Final = 32 * 2**20
_WINDOW_BYTES: Final = 64 * 2**20
_COUNT_BYTES: Final = 8

_Key = tuple[int, str, int]


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits to be folded, and since when."""

    rows: int
    oldest_us: int | None
    quarantined: int


@dataclass(frozen=True, slots=True)
class Folded:
    """How many deltas joined their windows, and whether there were more than fit in memory."""

    rows: int = 0
    more: bool = False


def pending_models(conn: Connection) -> list[int]:
    """The models with something to fold, found by hopping along the journal's key."""
    hop = text("""
        WITH RECURSIVE waiting (model_id) AS (
            (SELECT model_id FROM delta_journal ORDER BY model_id LIMIT 1)
            UNION ALL
            SELECT (SELECT j.model_id FROM delta_journal j WHERE j.model_id > w.model_id ORDER BY j.model_id LIMIT 1)
            FROM waiting w WHERE w.model_id IS NOT NULL
        ) SELECT model_id FROM waiting WHERE model_id IS NOT NULL
    """)
    return list(conn.scalars(hop))


def backlog(conn: Connection) -> Backlog:
    """The size and age of the journal."""
    journal, quarantine = tables.delta_journal, tables.journal_quarantine
    rows, oldest = conn.execute(select(func.count(), func.min(journal.c.received_at)).select_from(journal)).one()
    return Backlog(rows, oldest, conn.scalar(select(func.count()).select_from(quarantine)) or 0)


def fold_model(conn: Connection, model_id: int, *, now_us: int, wait: bool = False) -> Folded:
    """Fold what waits of a model, as much of it as fits in memory.

    Nothing is folded when nothing waits, or when another replica is at it and we do not wait for it.
    """
    mine = take(conn, model_id, wait=wait)
    shapes = _shapes(conn, model_id) if mine else {}
    chosen, more = _choose(conn, model_id, shapes) if mine else ([], False)
    if not chosen:
        return Folded()
    failpoints.hit("fold.after_claim")
    journal = tables.delta_journal
    mentioned = delete(journal).where(journal.c.model_id == model_id, journal.c.id == any_(_IDS))
    taken = conn.execute(mentioned.returning(*journal.c), {"ids": chosen})
    failpoints.hit("fold.after_delete")
    deltas: dict[_Key, Payload] = {}
    newest: dict[_Key, int] = {}
    arrivals: dict[str, int] = defaultdict(int)
    noted: dict[_Key, list[bytes]] = defaultdict(list)
    for row in taken:
        key = (row.window_start, row.version, row.baseline_id)
        try:
            payload = codec.decode(row.payload, shape=shapes.get(row.baseline_id))
        except UnreadableError as error:
            _quarantine(conn, row, reason=str(error), now_us=now_us)
            continue
        deltas[key] = deltas[key].plus(payload) if key in deltas else payload
        if row.novelties is not None:
            noted[key].append(bytes(row.novelties))
        newest[key] = max(newest.get(key, row.received_at), row.received_at)
        arrivals[row.version] = max(arrivals[row.version], row.received_at)
    _add_histograms(conn, model_id, deltas)
    novelties.add(conn, model_id, noted)
    _add_totals(conn, model_id, deltas, newest=newest)
    for version in sorted(arrivals):
        given = {"model": model_id, "version": version, "received": to_datetime(arrivals[version])}
        conn.execute(_ARRIVAL, given)
    failpoints.hit("fold.before_commit")
    return Folded(len(chosen), more)


def take(conn: Connection, model_id: int, *, wait: bool) -> bool:
    """Hold the folding of a model until the end of the transaction; False when another does and we do not wait."""
    key = {"space": Lock.FOLD, "model": model_id}
    if not wait:
        return bool(conn.scalar(text("SELECT pg_try_advisory_xact_lock(:space, :model)"), key))
    conn.execute(text("SELECT pg_advisory_xact_lock(:space, :model)"), key)
    return True


def _shapes(conn: Connection, model_id: int) -> dict[int, tuple[int, int]]:
    """Bins and features of each of the model's baselines."""
    columns = tables.baseline.c
    statement = select(columns.id, columns.bins, columns.features).where(columns.model_id == model_id)
    return {row.id: (row.bins, row.features) for row in conn.execute(statement)}


def _choose(conn: Connection, model_id: int, shapes: Mapping[int, tuple[int, int]]) -> tuple[list[int], bool]:
    """The oldest deltas that fit in memory together with the windows they touch, and whether others wait."""
    chosen: list[int] = []
    windows: set[_Key] = set()
    payload_bytes = window_bytes = 0
    for number, start, version, baseline_id, size in conn.execute(_WAITING, {"model": model_id, "most": _JOURNAL_ROWS}):
        key = (start, version, baseline_id)
        payload_bytes += size
        window_bytes += 0 if key in windows else shapes.get(baseline_id, (0, 0))[0] * _COUNT_BYTES
        windows.add(key)
        if chosen and (
            payload_bytes > _PAYLOAD_BYTES or window_bytes > _WINDOW_BYTES or len(windows) > _FOLDED_WINDOWS
        ):
            return chosen, True
        chosen.append(number)
    return chosen, len(chosen) == _JOURNAL_ROWS


def _quarantine(conn: Connection, row: Any, *, reason: str, now_us: int) -> None:
    """Keep bytes that cannot be read for a person to look at; the ledger's imbalance tells of them."""
    values = {column.name: getattr(row, column.name) for column in tables.delta_journal.c}
    values |= {"reason": reason, "quarantined_at": now_us}
    conn.execute(insert(tables.journal_quarantine).values(values))


def _add_histograms(conn: Connection, model_id: int, deltas: Mapping[_Key, Payload]) -> None:
    """Add deltas to the stored histograms of their windows, in the order of their keys."""
    if not deltas:
        return
    ordered = sorted(deltas)
    wanted = {"model": model_id, **_columns(ordered)}
    stored = {(row.window_start, row.version, row.baseline_id): row for row in conn.execute(_STORED, wanted)}
    rows = []
    for key in ordered:
        total = deltas[key]
        if key in stored:
            before = codec.unpack(bytes(stored[key].counts), len(total.counts))
            total = total.plus(Payload(0, before, np.array(stored[key].sums, np.float64)))
        window = {"model": model_id, "start": to_datetime(key[0]), "version": key[1], "baseline": key[2]}
        rows.append({**window, "counts": codec.pack(total.counts), "sums": total.sums.tolist()})
    conn.execute(_STORE, rows)


def _columns(keys: Sequence[_Key]) -> dict[str, list[Any]]:
    """Windows as arrays, which make a statement that is the same for any number of them."""
    return {
        "starts": [to_datetime(key[0]) for key in keys],
        "versions": [key[1] for key in keys],
        "baselines": [key[2] for key in keys],
    }


def _add_totals(conn: Connection, model_id: int, deltas: Mapping[_Key, Payload], *, newest: Mapping[_Key, int]) -> None:
    ordered = sorted(deltas)
    conn.execute(
        _TOTALS,
        {
            "model": model_id,
            **_columns(ordered),
            "rows": [deltas[key].rows for key in ordered],
            "received": [to_datetime(newest[key]) for key in ordered],
        },
    )


_IDS: Final = bindparam("ids", type_=ARRAY(BigInteger))

_WAITING: Final = text("""
SELECT id, window_start, version, baseline_id, octet_length(payload) + coalesce(octet_length(novelties), 0)
FROM delta_journal WHERE model_id = :model ORDER BY id LIMIT :most
""")

_STORED: Final = text("""
SELECT h.window_start, h.version, h.baseline_id, h.counts, h.sums
FROM unnest(CAST(:starts AS timestamptz[]), CAST(:versions AS text[]), CAST(:baselines AS integer[]))
     AS given (window_start, version, baseline_id)
JOIN window_histogram h USING (window_start, version, baseline_id)
WHERE h.model_id = :model
""").columns(window_start=Instant)

_STORE: Final = text("""
INSERT INTO window_histogram (model_id, window_start, version, baseline_id, counts, sums)
VALUES (:model, :start, :version, :baseline, :counts, CAST(:sums AS double precision[]))
ON CONFLICT (model_id, window_start, version, baseline_id) DO UPDATE
SET counts = excluded.counts, sums = excluded.sums
""")

_TOTALS: Final = text("""
INSERT INTO window_total AS t (model_id, window_start, version, baseline_id, rows, revision, last_received_at)
SELECT :model, given.window_start, given.version, given.baseline_id, given.rows, 1, given.received_at
FROM unnest(
    CAST(:starts AS timestamptz[]), CAST(:versions AS text[]), CAST(:baselines AS integer[]), CAST(:rows AS bigint[]),
    CAST(:received AS timestamptz[])
) AS given (window_start, version, baseline_id, rows, received_at)
ON CONFLICT (model_id, window_start, version, baseline_id) DO UPDATE
SET rows = t.rows + excluded.rows, revision = t.revision + 1,
    last_received_at = greatest(t.last_received_at, excluded.last_received_at)
""")


_ARRIVAL: Final = text("""
INSERT INTO model_version AS v (model_id, version, last_received_at) VALUES (:model, :version, :received)
ON CONFLICT (model_id, version) DO UPDATE
SET last_received_at = greatest(v.last_received_at, excluded.last_received_at)
""")
