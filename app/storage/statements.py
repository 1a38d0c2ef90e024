"""The statements of the ledger, where every round trip counts."""

from typing import Final

from sqlalchemy import text

BATCH_SEED: Final = 7

_CLAIM: Final = """
SELECT set_config('synchronous_commit', 'on', true), set_config('lock_timeout', '2s', true),
       set_config('statement_timeout', '5s', true), set_config('idle_in_transaction_session_timeout', '10s', true),
       ARRAY(SELECT pg_try_advisory_xact_lock(hashtextextended(d.model_id || ':' || d.batch_id, :seed))
             FROM unnest(CAST(:models AS integer[]), CAST(:batches AS text[])) WITH ORDINALITY d (model_id, batch_id, n)
             ORDER BY d.n) AS claimed,
       ARRAY(SELECT m FROM unnest(CAST(:distinct AS integer[])) m
             WHERE pg_try_advisory_xact_lock_shared(:space, m)) AS models
"""

CLAIM: Final = text(_CLAIM)

CLAIM_ALL: Final = text(f"""
SELECT 1 / (true = ALL (claim.claimed) AND cardinality(claim.models) = cardinality(CAST(:distinct AS integer[])))::int
FROM ({_CLAIM}) AS claim
""")  # noqa: S608 - of constants
"""Divides by zero unless every batch and model is claimed."""

_ENTER: Final = """
INSERT INTO batch_ledger (model_id, batch_id, fingerprint, rows_accepted, rows_late, rows_future, rows_rejected,
                          receipt, backfill, received_at)
SELECT given.model_id, batch_id, fingerprint, rows_accepted, rows_late, rows_future, rows_rejected,
       receipt, backfill, received_at
FROM unnest(
    CAST(:models AS integer[]), CAST(:batches AS text[]), CAST(:fingerprints AS bytea[]), CAST(:accepted AS bigint[]),
    CAST(:late AS bigint[]), CAST(:future AS bigint[]), CAST(:rejected AS bigint[]), CAST(:receipts AS text[]),
    CAST(:backfills AS boolean[]), CAST(:received AS timestamptz[]), CAST(:revisions AS bigint[])
) AS given (model_id, batch_id, fingerprint, rows_accepted, rows_late, rows_future, rows_rejected,
            receipt, backfill, received_at, revision)
JOIN model ON model.id = given.model_id AND model.revision = given.revision AND model.deleted_at IS NULL
WHERE CAST(:age AS float) IS NULL OR given.received_at > clock_timestamp() - make_interval(secs => CAST(:age AS float))
ORDER BY given.model_id, batch_id
ON CONFLICT DO NOTHING
RETURNING model_id, batch_id
"""

ENTER: Final = text(_ENTER)

ENTER_ALL: Final = text(f"""
WITH entered AS ({_ENTER})
SELECT 1 / (count(*) = cardinality(CAST(:models AS integer[])))::int FROM entered
""")  # noqa: S608 - of constants
"""Divides by zero unless every batch is new, young and binned as its model says."""

_JOURNAL: Final = """
INSERT INTO delta_journal (model_id, baseline_id, version, window_start, rows, payload, received_at, novelties)
SELECT * FROM unnest(
    CAST(:models AS integer[]), CAST(:baselines AS integer[]), CAST(:versions AS text[]),
    CAST(:starts AS timestamptz[]), CAST(:rows AS bigint[]), CAST(:payloads AS bytea[]),
    CAST(:received AS timestamptz[]), CAST(:novelties AS bytea[])
)
"""

JOURNAL: Final = text(_JOURNAL)

_SAMPLE: Final = """
WITH sampled AS (
    INSERT INTO reservoir_part (model_id, version, window_start, hashes, payload, received_at)
    SELECT model_id, version, window_start, hashes, substring(CAST(:part_octets AS bytea) FROM place FOR payload),
           received_at
    FROM unnest(
        CAST(:part_models AS integer[]), CAST(:part_versions AS text[]), CAST(:part_starts AS timestamptz[]),
        CAST(:part_hashes AS bytea[]), CAST(:part_places AS integer[]), CAST(:part_payloads AS integer[]),
        CAST(:part_received AS timestamptz[])
    ) AS part (model_id, version, window_start, hashes, place, payload, received_at)
)
"""

JOURNAL_AND_SAMPLE: Final = text(_SAMPLE + _JOURNAL)

PRUNE: Final = text("""
WITH gone AS (
    DELETE FROM batch_ledger WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM batch_ledger
        WHERE received_at < :before AND NOT backfill
          AND (CAST(:model AS integer) IS NULL OR model_id = CAST(:model AS integer))
        LIMIT :limit
    )) RETURNING model_id, rows_accepted
), booked AS (
    INSERT INTO ledger_pruned AS p (model_id, rows)
    SELECT model_id, sum(rows_accepted) FROM gone GROUP BY model_id ORDER BY model_id
    ON CONFLICT (model_id) DO UPDATE SET rows = p.rows + excluded.rows
) SELECT count(*) FROM gone
""")
