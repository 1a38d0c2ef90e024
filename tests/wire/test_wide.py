"""A table of very many columns is read as any other, at a cost of the columns that somebody looks at."""

import io
import random
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.wire import csvrows, parquet, wide
from app.wire.csvstream import CsvFile
from app.wire.decode import decode
from app.wire.table import Table


def body_of(width: int, *, seed: int) -> bytes:
    """Random cells, some quoted or empty, ragged and blank lines among them, and no line end behind the last."""
    rng = random.Random(seed)
    lines = [",".join(f"c{n}" for n in range(width))]
    for _ in range(40):
        cells = [rng.choice(["", "1.5", "x", '"a\n""b"', "\u00fc"]) for _ in range(width - rng.choice([0, 0, 0, 1]))]
        lines += [",".join(cells)] + [""] * rng.choice([0, 0, 1])
    return "\n".join(lines).encode()


def read(table: Table) -> dict[str, list[object]]:
    """All cells."""
    return {name: list(map(str, table.columns[name])) for name in table.columns}


@pytest.mark.parametrize("wanted", [(), ("c3",), ("c18", "c2", "other")])
def test_a_wide_table_reads_as_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: tuple[str, ...]
) -> None:
    """Columns that were wanted and others, in any order, refused lines and their numbers; as a file as well."""
    for seed in range(5):
        body = body_of(19, seed=seed)
        whole = decode(body, "text/csv")
        with monkeypatch.context() as narrow:
            narrow.setattr(csvrows, "WIDE", 18)
            narrow.setattr(wide, "GROUP", 3)
            narrow.setattr(wide, "KEPT", 2)
            few = decode(body, "text/csv", known=lambda: wanted)
            assert isinstance(few.columns, wide.WideColumns)
            assert (few.rows, few.received, few.rejections) == (whole.rows, whole.received, whole.rejections)
            assert list(few.columns) == list(whole.columns)
            assert read(few) == read(whole)
            assert str(few.columns["c0"][0]) == str(whole.columns["c0"][0])
            (tmp_path / "x").write_bytes(body)
            parts = list(CsvFile(tmp_path / "x", block=500).tables())
            assert len(parts) > 1
            assert sum(part.received for part in parts) == whole.received
            assert {name: [cell for part in parts for cell in read(part)[name]] for name in whole.columns} == read(
                whole
            )


def test_no_good_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wide header alone, and one with refused lines alone, have columns and no rows."""
    monkeypatch.setattr(csvrows, "WIDE", 1)
    for body, received in ((b"a,b", 0), (b"a,b\n", 0), (b"a,b\n1\n2\n", 2)):
        table = decode(body, "text/csv")
        assert (table.rows, table.received, list(table.columns["b"])) == (0, received, [])


def test_wide_parquet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of Parquet as well, whatever its columns hold."""
    columns = {f"c{n}": [1.5 + n, None, 2.5] for n in range(9)} | {"c": ["a", None, "b"], "c.x": [[1], None, []]}
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, row_group_size=2)
    whole = decode(sink.getvalue(), None)
    monkeypatch.setattr(parquet, "WIDE", 3)
    monkeypatch.setattr(wide, "GROUP", 2)
    for wanted in ({"other"}, {"c3", "c"}, {"c.x"}):
        few = decode(sink.getvalue(), None, known=wanted.copy)
        assert isinstance(few.columns, wide.WideColumns)
        assert (few.rows, list(few.columns)) == (3, list(columns))
        assert read(few) == read(whole)


# Leaves without the end of the interpreter, at which Arrow's readers abort now and then (apache/arrow#34314).
MEASURED = """
import os, resource
from app.wire.decode import decode
from app.wire.values import numeric
decode(b"a,b\\n1,2\\n", "text/csv", numbers=lambda: {"a"})
row = ",".join(["1.5"] * 65_000)
body = "\\n".join([",".join(f"col{n}" for n in range(65_000)), *[row] * 60]).encode()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
table = decode(body, "text/csv", known=lambda: {f"col{n}" for n in range(0, 65_000, 650)})
assert sum(numeric(table.columns[f"col{n}"], text=True).values.sum() for n in range(0, 65_000, 650)) == 9000
assert len(table.columns["col1"]) == 60
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10, flush=True)
os._exit(0)
"""


def test_tens_of_thousands_of_columns_cost_little() -> None:
    """All columns at once would take 400 MiB."""
    done = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True, timeout=100)
    assert int(done.stdout) < 150
