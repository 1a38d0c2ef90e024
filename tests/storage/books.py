"""Models, baselines and deliveries for tests of the books."""

from dataclasses import replace
from typing import Final

import numpy as np
from sqlalchemy import Connection, text

from app.drift.baseline import Baseline, BinnedFeature
from app.drift.bins import NumericBins
from app.drift.categories import CategoricalBins, category_hash
from app.drift.columns import Kind, Role
from app.storage import baselines, models
from app.storage.baselines import BaselineInfo
from app.storage.database import Database
from app.storage.deltas import Delta
from app.storage.ledger import Delivery, Outcome, commit_group
from app.storage.models import Model

NOW_US: Final = 1_700_000_000_000_000
HOUR_US: Final = 3_600_000_000


def baseline(*, numeric: int = 2, edges: int = 3, rows: int = 100, seed: int = 1) -> Baseline:
    """Some numeric features and one categorical one, with random counts that sum to the rows."""
    rng = np.random.default_rng(seed)
    known = np.sort(np.array([category_hash("rare"), category_hash("once")], np.uint64))
    features = [
        BinnedFeature(
            name=f"x{number}",
            kind=Kind.NUMERIC,
            role=Role.FEATURE,
            bins=NumericBins.between(np.arange(1.0, edges + 1), np.array([2.0]) if number % 2 else np.array([])),
            scale=0.1 + number,
        )
        for number in range(numeric)
    ]
    features = [
        replace(
            feature, means=np.where(np.arange(feature.bins.finite) == 1, np.nan, rng.normal(size=feature.bins.finite))
        )
        for feature in features
    ]
    colour = BinnedFeature(
        name="colour",
        kind=Kind.CATEGORICAL,
        role=Role.OUTCOME,
        bins=CategoricalBins(("red", "grün", ""), known, known_exact=True),
        known_count=2,
        singletons=1,
    )
    features.append(colour)
    counts = np.concatenate([rng.multinomial(rows, np.full(f.bins.size, 1 / f.bins.size)) for f in features])
    return Baseline.of(features, counts, rows)


def stocked(conn: Connection, name: str = "churn", *, reference: Baseline | None = None) -> tuple[Model, BaselineInfo]:
    """A model with an active baseline."""
    model = models.create(conn, name, config={"window": "1h"}, features=(), now_us=NOW_US)
    info = baselines.add(conn, model.id, reference or baseline(), source="file", now_us=NOW_US)
    baselines.activate(conn, model.id, info.id, effective_from_us=None, now_us=NOW_US)
    refreshed = models.get(conn, model.id)
    assert refreshed is not None
    return refreshed, info


def delta(info: BaselineInfo, *, rows: int = 10, hour: int = 0, version: str = "default", seed: int = 0) -> Delta:
    """Random counts for one window."""
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(rows, np.full(info.bins, 1 / info.bins)).astype(np.int64)
    return Delta(info.id, version, hour * HOUR_US, rows, counts, rng.normal(size=info.feature_count))


def delivery(model: Model, batch_id: str, *deltas: Delta, received_us: int = NOW_US, body: str = "") -> Delivery:
    """A batch with these deltas; the same body gives the same fingerprint."""
    return Delivery(
        model_id=model.id,
        model_revision=model.revision,
        batch_id=batch_id,
        fingerprint=(body or batch_id).encode().ljust(16, b".")[:16],
        receipt=f'{{"batch_id":"{batch_id}"}}',
        received_us=received_us,
        rows_accepted=sum(part.rows for part in deltas),
        deltas=deltas,
    )


def commit(database: Database, *deliveries: Delivery) -> list[Outcome]:
    """Commit deliveries as one group."""
    with database.transaction() as conn:
        return commit_group(conn, deliveries)


def kill_backend(database: Database, conn: Connection) -> None:
    """Kill the backend of a connection, as a crash of Postgres would."""
    pid = conn.scalar(text("SELECT pg_backend_pid()"))
    with database.transaction() as other:
        other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
