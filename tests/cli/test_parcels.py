"""A file is cut into the same bodies each time, and the bodies hold what the file holds."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
from hypothesis import given
from hypothesis import strategies as st

from app.cli.parcels import ROWS, Parcel, parcels
from app.wire.decode import decode
from app.wire.table import Table


def cut(path: Path) -> list[Parcel]:
    """All bodies of a file."""
    return list(parcels(path, read=lambda _: None))


def tables(found: list[Parcel]) -> list[Table]:
    """The bodies as the service reads them."""
    return [decode(one.body.content, one.body.content_type) for one in found if one.body is not None]


def column(found: list[Table], name: str) -> list[Any]:
    """One column over all bodies."""
    cells: list[Any] = []
    for table in found:
        raw = table.columns[name]
        cells += raw.to_pylist() if isinstance(raw, pa.Array | pa.ChunkedArray) else raw
    return cells


def test_csv_cells_survive(tmp_path: Path) -> None:
    """Quotes, line ends, commas, blanks and empty cells come back; ragged lines are counted, not sent."""
    rows = [["1", 'a "b", c'], ["", "two\nlines"], ["true", " x "], ["é", ""], ["NaN", "\r\n"]]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["n", 'odd, "name"'], *rows, ["alone"], ["6", "end"]])
    path = tmp_path / "rows.csv"
    path.write_bytes(text.getvalue().encode())
    found = cut(path)
    read = tables(found)
    expected = [*rows, ["6", "end"]]
    assert column(read, "n") == [row[0] or None for row in expected]
    assert column(read, 'odd, "name"') == [row[1] or None for row in expected]
    assert all(table.text for table in read)
    assert sum(one.refused for one in found) == 1


@given(cells=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)))
def test_csv_of_one_column(tmp_path_factory: Any, cells: list[str]) -> None:
    """A single column keeps every cell, an empty one too, which a line of its own would lose."""
    path = tmp_path_factory.mktemp("one") / "rows.csv"
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["x"], *([cell] for cell in cells)])
    path.write_bytes(text.getvalue().encode())
    assert column(tables(cut(path)), "x") == [cell or None for cell in cells]


def test_lines_are_sent_as_they_are(tmp_path: Path) -> None:
    """NDJSON is cut between lines, packed or not, and not one byte of it changes."""
    body = b"".join(b'{"x": %d, "y": NaN}\n' % n for n in range(2 * ROWS + 5)) + b'{"x": broken'
    packed, plain = tmp_path / "a.ndjson.gz", tmp_path / "a.ndjson"
    packed.write_bytes(gzip.compress(body))
    plain.write_bytes(body)
    for path in (packed, plain):
        found = cut(path)
        assert len(found) == 3
        assert b"".join(one.body.content for one in found if one.body) == body
        assert sum(table.received for table in tables(found)) == 2 * ROWS + 6
    assert not set(ids(cut(packed))) & set(ids(cut(plain)))


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    """Integers, doubles with NaN and null, text and times with and without a zone arrive as they were."""
    rows = pa.table(
        {
            "timestamp": pa.array(range(3 * ROWS), pa.timestamp("us")),
            "zoned": pa.array(range(3 * ROWS), pa.timestamp("ms", "UTC")),
            "n": pa.array(range(3 * ROWS), pa.int64()),
            "x": pa.array([None, float("inf"), 0.1] * ROWS),
            "c": pa.array(["a", None, "é"] * ROWS).dictionary_encode(),
        }
    )
    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(rows, path, row_group_size=ROWS + 1)
    sent = [pa.ipc.open_stream(one.body.content).read_all() for one in cut(path) if one.body]
    assert max(part.num_rows for part in sent) == ROWS
    together = pa.concat_tables(sent)
    for name in ("timestamp", "zoned", "n", "x"):
        assert together.column(name).to_pylist() == rows.column(name).to_pylist()
        assert together.schema.field(name).type == rows.schema.field(name).type
    assert column(tables(cut(path)), "c") == rows.column("c").to_pylist()


def test_json_goes_whole(tmp_path: Path) -> None:
    """One JSON value is one body."""
    path = tmp_path / "rows.json"
    path.write_text(json.dumps({"rows": [{"x": 1}, {"x": 2}]}))
    found = cut(path)
    assert len(found) == 1
    assert column(tables(found), "x") == [1, 2]


def test_id_is_of_name_offset_and_bytes(tmp_path: Path) -> None:
    """The same file elsewhere has the same ids; the same rows further on, or in another file, have others."""
    lines = b'{"x": 1}\n' * (2 * ROWS)
    (tmp_path / "far").mkdir()
    here, far, other = tmp_path / "a.ndjson", tmp_path / "far" / "a.ndjson", tmp_path / "b.ndjson"
    for path in (here, far, other):
        path.write_bytes(lines)
    assert ids(cut(here)) == ids(cut(far))
    assert len({*ids(cut(here)), *ids(cut(other))}) == 4
    assert all(len(name) == 64 for name in ids(cut(here)))


def ids(found: list[Parcel]) -> list[str]:
    """The batch ids."""
    return [one.id for one in found if one.body]
