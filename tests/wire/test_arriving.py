"""Files that are read while they are written."""

import gzip
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from app.errors import BadRequest
from app.wire.arriving import Arriving
from app.wire.stream import RowsFile

ROWS = 60_000
STEP = 700_001


def _table() -> pa.Table:
    rng = np.random.default_rng(1)
    return pa.table({"x": rng.normal(size=ROWS), "y": rng.integers(0, 9, ROWS), "word": ['a,\n"b', "c"] * (ROWS // 2)})


def _csv() -> bytes:
    sink = io.BytesIO()
    pyarrow.csv.write_csv(_table(), sink)
    return sink.getvalue()


def _lines() -> bytes:
    return b"".join(b'{"x":%d,"word":"%s"}\n' % (n, b"w" * (n % 300)) for n in range(ROWS))


def _parquet() -> bytes:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(_table(), sink)
    return sink.getvalue()


def _read(rows: RowsFile) -> list[Any]:
    return [(list(table.columns), [list(table.columns[name]) for name in table.columns]) for table in rows.tables()]


@pytest.mark.parametrize("made", [_csv, _lines, _parquet, lambda: gzip.compress(_csv(), 1), lambda: b"", lambda: b"x"])
def test_rows_are_the_same_while_they_come(tmp_path: Path, made: Callable[[], bytes]) -> None:
    """Tables of a file that grows in odd steps are those of the whole file, in whatever format."""
    body = made()
    whole, growing = tmp_path / "whole.csv", tmp_path / "growing.csv"
    whole.write_bytes(body)
    growing.touch()
    arriving = Arriving()
    reader = RowsFile(growing, arriving=arriving)

    def outcome(rows: RowsFile) -> Any:
        try:
            return _read(rows)
        except BadRequest as error:
            return str(error)

    with ThreadPoolExecutor(1) as side, growing.open("ab") as file:
        found = side.submit(outcome, reader)
        for start in range(0, len(body), STEP):
            file.write(body[start : start + STEP])
            file.flush()
            arriving.grown(min(start + STEP, len(body)))
        arriving.complete()
        assert found.result(timeout=120) == outcome(RowsFile(whole))


def test_a_fault_reaches_who_waits_for_more(tmp_path: Path) -> None:
    """What came can still be read; who wants more than that raises what went wrong."""
    path = tmp_path / "cut.csv"
    path.write_bytes(b"x\n" + b"1\n" * 10)
    arriving = Arriving()
    arriving.grown(22)
    arriving.broken(BadRequest("undecodable", "the body ended early"))
    arriving.wait(22)
    with pytest.raises(BadRequest, match="ended early"):
        arriving.wait(23)
    with pytest.raises(BadRequest, match="ended early"):
        _read(RowsFile(path, arriving=arriving))
