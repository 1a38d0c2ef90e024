"""What every road shares: the database, the catalog, the committer, the counters."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.metrics.instruments import Instruments
from app.metrics.page import Page
from app.monitor.burden import Burden, Turns
from app.monitor.catalog import Catalog
from app.monitor.notebook import Notebook
from app.monitor.sampling import DEFAULT_SIZE, Reservoirs
from app.storage.committer import GroupCommitter
from app.storage.database import Database
from app.storage.gathering import Gatherer


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that the roads depend on; times in microseconds, sizes in bytes."""

    scratch: Path
    fold_interval_us: int = 500_000
    evaluate_interval_us: int = 5_000_000
    refresh_interval_us: int = 500_000
    account_interval_us: int = 10_000_000
    prune_interval_us: int = 600_000_000
    close_delay_us: int = 0
    min_rows: int = 30
    ledger_retention_us: int = 259_200_000_000
    ledger_margin_us: int = 3_600_000_000
    pairing_timeout_us: int = 30_000_000
    keep_undecodable_bodies: bool = False
    request_deadline_us: int = 10_000_000
    max_decodes: int = 2
    max_rows: int = 200_000
    max_columns: int = 5_000
    max_windows: int = 2_000
    max_models: int = 500
    max_series: int = 200_000
    reservoir_size: int = DEFAULT_SIZE
    sample_always: bool = False
    sample_retention_us: int = 86_400_000_000
    window_retention_us: int = 730 * 86_400_000_000
    result_retention_us: int = 90 * 86_400_000_000
    novelty_retention_us: int = 56 * 86_400_000_000
    expectation_deadline_us: int = 30_000_000
    expectation_memory: int = 4 * 2**30
    expectation_idle_us: int = 120_000_000
    max_decoded_bytes: int = 16 * 2**20
    max_baseline_bytes: int = 64 * 2**30
    max_spill_bytes: int = 16 * 2**30


@dataclass(frozen=True, slots=True)
class Service:
    """One replica's share of the work."""

    database: Database
    committer: GroupCommitter
    catalog: Catalog
    instruments: Instruments
    page: Page
    policy: Policy
    judged_under: dict[int, object] = field(default_factory=dict)
    rolled_under: dict[int, object] = field(default_factory=dict)
    shown: dict[tuple[int, str], tuple[int, int]] = field(default_factory=dict)
    different: dict[tuple[int, str], tuple[tuple[int, int, int], Mapping[str, int]]] = field(default_factory=dict)
    publishing: threading.Lock = field(default_factory=threading.Lock)
    decodes: Turns = field(default_factory=Turns)
    burden: Burden = field(default_factory=Burden)
    reservoirs: Reservoirs = field(default_factory=Reservoirs)
    waiting: Burden = field(default_factory=Burden)
    notebook: Notebook = field(default_factory=Notebook)
    pairs: Gatherer = field(init=False)

    def __post_init__(self) -> None:
        """Gather halves of calls in the same database."""
        object.__setattr__(self, "pairs", Gatherer(self.database))

    def now_us(self) -> int:
        """Give the database's time, which all replicas share."""
        return self.database.clock_us()
