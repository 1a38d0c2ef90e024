"""Files of rows, in tables of bounded size."""

import gzip
import json
import random
import zlib
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from app.errors import BadRequest, Refused, TooLarge, UnsupportedType
from app.wire import stream
from app.wire.csvstream import CsvFile
from app.wire.decode import decode, format_of
from app.wire.sources import type_of_path
from app.wire.stream import RowsFile
from app.wire.table import Table
from app.wire.values import numeric
from wire import writers

COUNT = 3000
SQUEEZES: list[Callable[[bytes], bytes]] = [bytes, gzip.compress, zstandard.compress, zlib.compress]


def gathered(tables: list[Table]) -> tuple[list[float], list[int], list[int], int]:
    """Put tables together: values of x, numbers of the rows, numbers of the refused rows, rows received."""
    values: list[float] = []
    numbers: list[int] = []
    refused: list[int] = []
    received = 0
    for table in tables:
        if table.rows:
            values += numeric(table.columns["x"], text=table.text).values.tolist()
        own = table.numbers if table.numbers is not None else np.arange(table.rows) + received
        numbers += own.tolist()
        refused += [one.row for one in table.rejections]
        received += table.received
    return values, numbers, refused, received


def ragged_csv() -> tuple[bytes, list[int]]:
    """Write CSV with ragged, blank, quoted and very long lines, and bytes that are no UTF-8."""
    rng = random.Random(5)
    lines, good = [b"x,y"], []
    for row in range(COUNT):
        if rng.random() < 0.02:
            lines.append(rng.choice([b"1", b"1,2,3", b"\xff", b"a,\xa5,c"]))
            continue
        good.append(row)
        lines.append(
            b'%d,"%s"' % (row, rng.choice([b"", b"\xff", b"a\n\nb", b"long" * 300 if rng.random() < 0.05 else b"z"]))
        )
        lines += [b""] if rng.random() < 0.05 else []
    return b"\n".join(lines), good


@pytest.mark.parametrize("squeeze", SQUEEZES)
@pytest.mark.parametrize("block", [101, 700, 1 << 20])
def test_csv_blocks(tmp_path: Path, squeeze: Callable[[bytes], bytes], block: int) -> None:
    """Blocks of any size give the rows of the whole, even where one row is larger than a block."""
    body, good = ragged_csv()
    path = tmp_path / "rows"
    path.write_bytes(squeeze(body))
    received, values, numbers, refused = 0, [], [], []
    for table in CsvFile(path, block=block).tables():
        own, bad, shift = gathered([table])[1], [one.row for one in table.rejections], received
        values += gathered([table])[0]
        numbers += (
            [number + shift for number in own] if table.numbers is not None else [n + shift for n in range(table.rows)]
        )
        refused += [row + shift for row in bad]
        received += table.received
    assert (numbers, values, received) == (good, list(map(float, good)), COUNT)
    assert refused == sorted(set(range(COUNT)) - set(good))
    assert decode(body, "text/csv").numbers.tolist() == good  # type: ignore[union-attr]


@pytest.mark.parametrize("lead", [b"\n", b"\r\n\r\n", b"\xef\xbb\xbf\n\n", b"\r" * 300])
def test_blank_lines_before_the_header(tmp_path: Path, lead: bytes) -> None:
    """The header is the first line that holds something, and no row."""
    path = tmp_path / "rows"
    path.write_bytes(lead + b'"x",y\r\n1,a\r\n\r\n2,b')
    for tables in ([decode(path.read_bytes(), "text/csv")], list(CsvFile(path, block=100).tables())):
        assert gathered(tables) == ([1.0, 2.0], [0, 1], [], 2)


@pytest.mark.parametrize("squeeze", SQUEEZES)
@pytest.mark.parametrize("name", ["x.csv", "x.ndjson", "x.json", "x.parquet", "x.arrows", "x.arrow"])
def test_every_format_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, squeeze: Callable[[bytes], bytes]
) -> None:
    """A file of any format, packed or not, can be read again and tells how far it is."""
    monkeypatch.setattr(stream, "LINES_BYTES", 5000)
    monkeypatch.setattr(stream, "MOST_ROWS", 512)
    columns: writers.Columns = {"x": [float(n) for n in range(COUNT)], "s": ["word"] * COUNT}
    write = {
        "x.csv": writers.csv_text,
        "x.ndjson": writers.ndjson,
        "x.json": writers.rows_json,
        "x.parquet": writers.parquet,
        "x.arrows": writers.arrow_stream,
        "x.arrow": writers.arrow_file,
    }[name]
    path = tmp_path / (name + {gzip.compress: ".gz", zstandard.compress: ".zst"}.get(squeeze, ""))
    path.write_bytes(squeeze(write(columns)))
    file = RowsFile(path, row_count=COUNT)
    for _ in range(2):
        heard: list[int] = []
        assert gathered(list(file.tables(heard.append))) == (columns["x"], list(range(COUNT)), [], COUNT)
        assert heard == sorted(heard)
        assert heard[-1] == file.size
    with pytest.raises(Refused, match="not 7"):
        list(RowsFile(path, row_count=7))
    assert list(tmp_path.iterdir()) == [path]


def test_lines_keep_their_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused lines are numbered over the whole file."""
    monkeypatch.setattr(stream, "LINES_BYTES", 1000)
    good = [n for n in range(COUNT) if n % 7 != 3]
    path = tmp_path / "rows"
    path.write_bytes(b"\n".join(b'{"x":%d}' % n if n % 7 != 3 else b"[oops" for n in range(COUNT)))
    values, numbers, refused, received = gathered(list(RowsFile(path)))
    assert (values, numbers, received) == (list(map(float, good)), good, COUNT)
    assert refused == [n for n in range(COUNT) if n % 7 == 3]


@pytest.mark.parametrize("squeeze", SQUEEZES[1:])
@pytest.mark.parametrize("name", ["x.csv", "x.ndjson", "x.parquet"])
def test_truncated_files(tmp_path: Path, name: str, squeeze: Callable[[bytes], bytes]) -> None:
    """A packed file that is cut short is refused, not read as a shorter one."""
    write = {"x.csv": writers.csv_text, "x.ndjson": writers.ndjson, "x.parquet": writers.parquet}[name]
    path = tmp_path / name
    path.write_bytes(squeeze(write({"x": np.random.default_rng(1).normal(size=COUNT).tolist()}))[:-20])
    with pytest.raises(BadRequest, match="cannot be"):
        list(RowsFile(path))


def test_limits_of_what_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One JSON value and one line have a limit."""
    monkeypatch.setattr(stream, "LINES_BYTES", 100)
    whole, line = tmp_path / "x.json", tmp_path / "x.ndjson"
    whole.write_bytes(json.dumps([{"x": 1}] * 1000).encode())
    line.write_bytes(b'{"x":1}\n{"x":"' + b"z" * 2000 + b'"}')
    for path in (whole, line):
        with pytest.raises(TooLarge):
            list(RowsFile(path, json_limit=1000))


def test_arrow_without_end(tmp_path: Path) -> None:
    """A stream file without its end marker needs its rows counted."""
    path = tmp_path / "x.arrows"
    path.write_bytes(writers.arrow_stream({"x": [1.0] * 20})[:-8])
    assert sum(table.rows for table in RowsFile(path, row_count=20)) == 20
    with pytest.raises(BadRequest):
        list(RowsFile(path))


@pytest.mark.parametrize("content_type", [None, "application/json", "application/x-ndjson", "text/plain"])
def test_csv_in_disguise(tmp_path: Path, content_type: str | None) -> None:
    """Lines of as many cells below names are CSV; JSON, markup, prose and numbers alone are not."""
    path = tmp_path / "rows"
    for body in (b"x,y\n1,2\n3,4\n", b'\xef\xbb\xbf"x","a, b"\r\n\r\n1,"{\n"\r\n'):
        path.write_bytes(body)
        assert RowsFile(path, content_type).format() == "csv"
    for body in (b"x,y", b"x,y\n1\n", b"x,x\n1,2\n", b"1,2\n3,4\n", b'<x a="1,2">\n<y b="1,2">\n', b"x\n1\n"):
        path.write_bytes(body)
        assert format_of(body, content_type) != "csv"
        with pytest.raises((BadRequest, UnsupportedType)) if content_type != "application/x-ndjson" else nullcontext():
            assert not sum(table.rows for table in RowsFile(path, content_type))
    path.write_bytes(b'oops, what\n{"x":1,"y":2}\n')
    assert [table.rows for table in RowsFile(path, "application/x-ndjson")] == [1]


def test_unknown_files(tmp_path: Path) -> None:
    """A file that nothing tells apart is refused; an empty one of lines has no rows."""
    path = tmp_path / "x.bin"
    path.write_bytes(b"\x00\x01")
    with pytest.raises(UnsupportedType):
        list(RowsFile(path))
    for name in ("x.csv", "x.ndjson"):
        (tmp_path / name).write_bytes(b"")
        assert sum(table.received for table in RowsFile(tmp_path / name)) == 0


def test_large_tables_are_bounded(tmp_path: Path) -> None:
    """No table holds more rows than the bound, however large the batches of the file."""
    table = pa.table({"x": np.arange(300_000.0), "s": ["w"] * 300_000})
    pq.write_table(table, tmp_path / "x.parquet")
    with pa.ipc.new_stream(tmp_path / "x.arrows", table.schema) as writer:
        writer.write_table(table)
    for name in ("x.parquet", "x.arrows"):
        tables = list(RowsFile(tmp_path / name))
        assert max(one.rows for one in tables) <= 65_536
        assert sum(one.rows for one in tables) == 300_000


def test_type_of_path() -> None:
    """The type is guessed from the name, packing aside."""
    assert type_of_path(Path("a.b/x.CSV.gz")) == "text/csv"
    assert type_of_path(Path("x.parquet")) == "application/vnd.apache.parquet"
    assert type_of_path(Path("x")) is None


@pytest.mark.parametrize("rows", [1, 7, 100])
@pytest.mark.parametrize("coded", [["tags.list.element"], False])
def test_text_inside_of_several_groups(tmp_path: Path, rows: int, coded: list[str] | Literal[False]) -> None:
    """Text in lists and structs is read from groups of rows that each have a dictionary, as a batch and from a file."""
    words = [None if n % 5 == 0 else f"word {n % 11}" for n in range(100)]
    table = pa.table({"x": range(100), "tags": [[word] for word in words], "features": [{"c": word} for word in words]})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=rows, use_dictionary=coded)
    whole = decode((tmp_path / "x.parquet").read_bytes(), None)
    parts = list(RowsFile(tmp_path / "x.parquet", None).tables())
    for tables in ([whole], parts):
        for name in table.column_names:
            columns: list[Any] = [one.columns[name] for one in tables]
            assert [value for column in columns for value in column.to_pylist()] == table[name].to_pylist()
