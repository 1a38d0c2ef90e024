"""Parquet files are bounded by what their pages say, whatever their footers claim."""

import contextlib
import io
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.errors import BadRequest, Problem, TooLarge
from app.wire.flat import flat
from app.wire.footer import Group, groups_of
from app.wire.pages import pages_of
from app.wire.parquet import table_of_parquet
from app.wire.stream import RowsFile
from app.wire.table import Table

MIB = 1 << 20


def written(table: pa.Table, **options: Any) -> bytes:
    """Write a file."""
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def pages(body: bytes) -> list[tuple[int, int, bool]]:
    """Every page of a file."""
    return [
        (page.size, page.values, page.is_dictionary)
        for group in groups(body)
        for chunk in group.chunks
        for page in pages_of(body, chunk)
    ]


def groups(body: bytes) -> list[Group]:
    """The groups of rows of a file."""
    metadata = pq.ParquetFile(io.BytesIO(body)).metadata
    return groups_of(body, columns=metadata.num_columns, groups=metadata.num_row_groups)


@pytest.mark.parametrize("options", [{}, {"write_statistics": False}, {"use_dictionary": False}, {"version": "1.0"}])
def test_the_footer_is_read_as_pyarrow_reads_it(options: dict[str, Any]) -> None:
    """Sizes and places of every column in every group agree, those inside lists and structs too."""
    nested = pa.struct({"a": pa.int64(), "b": pa.list_(pa.struct({"c": pa.string()}))})
    table = pa.table(
        {
            "x": np.arange(1000.0),
            "s": ["a", "b"] * 500,
            "l": [[1, 2], None] * 500,
            "m": pa.array([[("k", 1)]] * 1000, pa.map_(pa.string(), pa.int8())),
            "d": pa.array([{"a": 1, "b": [{"c": "x" * 300}]}] * 1000, nested),
            "t": pa.array(range(1000), pa.timestamp("us", "UTC")),
        }
    )
    body = written(table, row_group_size=300, **options)
    metadata = pq.ParquetFile(io.BytesIO(body)).metadata
    found = groups(body)
    assert len(found) == 4
    for number, group in enumerate(found):
        told = metadata.row_group(number)
        assert group.size == told.total_byte_size
        columns = [told.column(leaf) for leaf in range(metadata.num_columns)]
        assert [chunk.size for chunk in group.chunks] == [one.total_compressed_size for one in columns]
        starts = [min(one.data_page_offset, one.dictionary_page_offset or one.data_page_offset) for one in columns]
        assert [chunk.start for chunk in group.chunks] == starts


def test_a_hostile_footer_ends_no_process() -> None:
    """Flipped bits in a footer are read or refused; pyarrow's own metadata of a column would end the process."""
    table = pa.table({"x": [1.5, None, 2.5], "s": ["a", None, "c"], "l": [[1], [], None]})
    body = written(table)
    start = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
    rng = np.random.default_rng(3)
    for place in rng.integers(start, len(body) - 8, 600).tolist():
        damaged = bytearray(body)
        damaged[place] ^= 1 << int(rng.integers(8))
        with contextlib.suppress(Problem):
            table_of_parquet(bytes(damaged), limit=4 * MIB)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip"])
@pytest.mark.parametrize("extras", [{}, {"write_statistics": False}, {"write_page_checksum": True}])
def test_every_page_is_found(version: str, compression: str, extras: dict[str, bool]) -> None:
    """Values add up to the rows of each column, sizes to what the footer says without headers."""
    rng = np.random.default_rng(1)
    table = pa.table({"x": rng.normal(size=5000), "s": rng.choice(["a", "bb", "ü" * 90], 5000), "n": [None] * 5000})
    options = {"data_page_version": version, "compression": compression, "data_page_size": 4096}
    body = written(table, row_group_size=2000, **options, **extras)
    found = pages(body)
    assert sum(values for _, values, is_dictionary in found if not is_dictionary) == 3 * 5000
    metadata = pq.ParquetFile(io.BytesIO(body)).metadata
    total = sum(metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups))
    assert 0 <= total - sum(size for size, _, _ in found) <= 120 * len(found)
    assert table_of_parquet(body, limit=4 * MIB).rows == 5000


def bomb() -> bytes:
    """A small file whose only page holds 256 MiB of zeros, and whose footer says that it holds a thousand bytes."""
    zeros = pa.table({"x": np.zeros(32 * MIB)})
    honest = {"compression": "zstd", "use_dictionary": False, "data_page_size": 1 << 30, "write_statistics": False}
    body = written(zeros, **honest, row_group_size=32 * MIB)
    metadata = pq.ParquetFile(io.BytesIO(body)).metadata
    for size in (metadata.row_group(0).total_byte_size, 32 * MIB):
        body = body.replace(varint(size), varint(1000, like=varint(size)))
    return body


def varint(value: int, like: bytes = b"") -> bytes:
    """Write a number as Thrift does, padded to the length of another."""
    value = 2 * value
    octets = bytearray()
    while value > 127 or len(octets) + 1 < len(like):
        octets.append(value & 127 | 128)
        value >>= 7
    return bytes([*octets, value])


MEASURED = """
import resource, sys
from app.errors import Problem
from app.wire.parquet import table_of_parquet
from app.wire.stream import RowsFile
from app.wire.table import Table
body = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    print(table_of_parquet(body, limit=16 << 20).rows)
except Problem as problem:
    print(problem.code)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_footer_that_lies_about_sizes_costs_no_memory() -> None:
    """A page of 256 MiB behind a footer of a thousand bytes is refused before it is unpacked."""
    body = bomb()
    assert len(body) < MIB
    done = subprocess.run([sys.executable, "-c", MEASURED], input=body, capture_output=True, check=True, timeout=100)
    code, grown = done.stdout.decode().split()
    assert code == "body-too-large"
    assert int(grown) < 64


LONG_WORDS: dict[str, tuple[str, pa.DataType, dict[str, Any]]] = {
    **{str(kind): ("w", kind, {"compression": "zstd"}) for kind in (pa.string(), pa.large_string(), pa.large_binary())},
    "alike": ("w", pa.string(), {"use_dictionary": False, "column_encoding": {"s": "DELTA_BYTE_ARRAY"}}),
}


@pytest.mark.parametrize("name", LONG_WORDS)
def test_a_long_word_is_held_once_or_refused(name: str) -> None:
    """A word of a megabyte in a thousand rows takes kilobytes in the file; it is never written out for each row."""
    letter, kind, options = LONG_WORDS[name]
    word, sink = pa.array([letter * 10**6]).cast(kind), io.BytesIO()
    with pq.ParquetWriter(sink, pa.schema([("s", kind)]), **options) as writer:
        for _ in range(10):
            writer.write_table(pa.table({"s": word.take(pa.array([0] * 100))}))
    command = [sys.executable, "-c", MEASURED]
    done = subprocess.run(command, input=sink.getvalue(), capture_output=True, check=True, timeout=100)
    told, grown = done.stdout.decode().split()
    assert told == ("body-too-large" if name == "alike" else "1000")
    assert int(grown) < 96


def read(table: Table, name: str) -> list[str | None]:
    """The words of a column."""
    plain: Any = flat(table.columns[name])
    words: list[Any] = (plain.dictionary_decode() if pa.types.is_dictionary(plain.type) else plain).to_pylist()
    return [word.decode() if isinstance(word, bytes) else word for word in words]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary()])
@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
def test_text_that_cannot_stay_a_dictionary(tmp_path: Path, encoding: str, kind: pa.DataType) -> None:
    """Encodings that no dictionary can be read from are read otherwise, beside those that can."""
    words = [None if n % 7 == 0 else f"{'same' * 300}{n}" for n in range(3000)]
    table = pa.table({"s": pa.array(words).cast(kind), "d": pa.array(words).dictionary_encode(), "t": ["a"] * 3000})
    dictionaries: list[str] = ["d", "t"]
    body = written(table, use_dictionary=dictionaries, column_encoding={"s": encoding}, row_group_size=1000)
    (tmp_path / "x.parquet").write_bytes(body)
    first = table_of_parquet(body, limit=32 * MIB)
    again = list(RowsFile(tmp_path / "x.parquet", json_limit=4 * MIB))
    assert sum(one.rows for one in again) == first.rows == 3000
    for tables in ([first], again):
        assert [word for one in tables for word in read(one, "s")] == words
        assert {word for one in tables for word in read(one, "t")} == {"a"}


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_no_rows(tmp_path: Path, compression: str) -> None:
    """A file without rows may have dictionaries, and columns that begin nowhere."""
    kinds = [pa.string(), pa.int64(), pa.bool_(), pa.decimal128(9, 2), pa.dictionary(pa.int8(), pa.string())]
    body = written(pa.table({str(n): pa.array([], kind) for n, kind in enumerate(kinds)}), compression=compression)
    assert table_of_parquet(body, limit=MIB).rows == 0
    (tmp_path / "x.parquet").write_bytes(body)
    assert sum(one.rows for one in RowsFile(tmp_path / "x.parquet")) == 0


def test_values_of_one_width_take_what_they_are_wide() -> None:
    """Many distinct decimals, halves and keys of fixed width are no bomb."""
    rng = np.random.default_rng(2)
    table = pa.table(
        {
            "d": pa.array([Decimal(n).scaleb(-4) for n in range(20_000)], pa.decimal128(22, 4)),
            "h": rng.normal(size=20_000).astype(np.float16),
            "k": pa.array([b"%016d" % n for n in range(20_000)], pa.binary(16)),
        }
    )
    assert table_of_parquet(written(table), limit=4 * MIB).rows == 20_000


NESTED: dict[str, tuple[Any, dict[str, Any]]] = {
    "list": ([["w" * 10**6]], {}),
    "struct": ([{"a": "w" * 10**6, "b": 1}], {}),
    "map": (pa.array([[("w" * 10**6, 1)]], pa.map_(pa.large_string(), pa.int8())), {}),
    "alike": ([["w" * 10**6]], {"use_dictionary": False, "column_encoding": {"s.list.element": "DELTA_BYTE_ARRAY"}}),
    "fixed": (pa.array([b"w" * 10**6], pa.binary(10**6)), {}),
}


@pytest.mark.parametrize("name", NESTED)
def test_a_long_word_inside_something(name: str) -> None:
    """A word inside a list, struct or map is held once as well; what cannot stay a dictionary is refused."""
    one, options = NESTED[name]
    words = pa.table({"s": pa.array(one) if isinstance(one, list) else one}).take([0] * 1000)
    body = written(words, compression="zstd", **options)
    assert len(body) < 10_000
    command = [sys.executable, "-c", MEASURED]
    done = subprocess.run(command, input=body, capture_output=True, check=True, timeout=100)
    told, grown = done.stdout.decode().split()
    assert told == ("body-too-large" if name in {"alike", "fixed"} else "1000")
    assert int(grown) < 64


def test_many_columns_of_bytes_count_together() -> None:
    """Each column may take little and all of them more than there is."""
    wide = pa.table({str(n): pa.array([b"w" * 10**4], pa.binary(10**4)) for n in range(200)}).take([0] * 100)
    with pytest.raises(TooLarge):
        table_of_parquet(written(wide), limit=64 * MIB)


def test_files_of_long_values_are_read_a_few_rows_at_a_time(tmp_path: Path) -> None:
    """A file of any size takes as much memory as a batch."""
    path = tmp_path / "x.parquet"
    words = {"f": pa.array([b"w" * 10**5], pa.binary(10**5)), "l": [["w" * 10**5]], "d": ["w" * 10**5]}
    delta = {"use_dictionary": ["f", "l.list.element"], "column_encoding": {"d": "DELTA_BYTE_ARRAY"}}
    pq.write_table(pa.table(words).take([0] * 5000), path, row_group_size=500, **delta)
    tables = RowsFile(path, json_limit=16 * MIB).tables()
    sizes = [max(pa.table({"c": column}).nbytes for column in one.columns.values()) for one in tables]
    assert len(sizes) > 5
    assert max(sizes) <= 16 * MIB


@pytest.mark.parametrize("filler", [b"\xff", b"\x19", b"\x1c", b"\x9c"])
@pytest.mark.parametrize("cut", [5, 40, 200])
def test_broken_pages_are_undecodable(cut: int, filler: bytes) -> None:
    """Headers that are no headers are refused, lists in lists in lists too, and never read for ever."""
    body = bytearray(written(pa.table({"x": [1.0, 2.0, 3.0], "y": ["a", "b", "c"]})))
    body[4:cut] = filler * (cut - 4)
    with pytest.raises((BadRequest, TooLarge)):
        table_of_parquet(bytes(body), limit=16 * MIB)
