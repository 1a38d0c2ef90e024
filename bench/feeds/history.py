"""A CSV file larger than memory becomes a baseline."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from feeds.bodies import CSV, csv, names_of
from feeds.host import MIB, Host

COLUMNS: Final = 50
BLOCK_ROWS: Final = 50_000
START_S: Final = 1_750_000_000


def write(path: Path, *, size: int, rng: np.random.Generator) -> int:
    """Write about `size` bytes of numbers, ten minutes of rows a block, and give the number of rows."""
    names, rows = names_of(COLUMNS - 2), 0
    body, _, lines = csv(_block(names, 0, rng)).partition(b"\n")
    with path.open("wb") as file:
        file.write(body + b"\n")
        while file.tell() < size:
            file.write(lines)
            rows += BLOCK_ROWS
            if rows % (8 * BLOCK_ROWS) == 0:
                lines = csv(_block(names, rows, rng)).partition(b"\n")[2]
    return rows


def _block(names: list[str], first: int, rng: np.random.Generator) -> pa.Table:
    times = START_S + (first + np.arange(BLOCK_ROWS)) // 100
    words = np.array([f"city-{n:03d}" for n in range(300)])
    numbers = {name: np.round(rng.normal(size=BLOCK_ROWS) * 10 ** rng.normal(), 4) for name in names}
    return pa.table({"timestamp": times, **numbers, "city": words[rng.zipf(1.3, BLOCK_ROWS) % 300]})


def baseline(host: Host, *, size: int, rng: np.random.Generator) -> tuple[float, float, int]:
    """Seconds, peak MiB and rows of a baseline made from a file of about `size` bytes."""
    with tempfile.TemporaryDirectory(prefix="dg-bench-") as folder:
        path = Path(folder) / "history.csv"
        rows = write(path, size=size, rng=rng)
        host.good("PUT", "/v1/models/history", b'{"window":"1h"}', **{"Content-Type": "application/json"})
        host.forget_peak()
        began = time.perf_counter()
        made = host.good("POST", "/v1/models/history/baselines", _parts(path), **{"Content-Type": CSV})
        seconds = time.perf_counter() - began
    assert made["rows"] == rows, (made["rows"], rows)
    return seconds, host.peak_mib(), rows


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(MIB):
            yield part
