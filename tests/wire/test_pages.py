"""Parquet files are bounded by what their pages say, whatever their footers claim."""

import io
import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.errors import BadRequest, TooLarge
from app.wire.pages import pages_of
from app.wire.parquet import table_of_parquet

MIB = 1 << 20


def written(table: pa.Table, **options: Any) -> bytes:
    """Write a file."""
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def pages(body: bytes) -> list[tuple[int, int, bool]]:
    """Every page of a file."""
    metadata = pq.ParquetFile(io.BytesIO(body)).metadata
    return [
        (page.size, page.values, page.is_dictionary)
        for group in range(metadata.num_row_groups)
        for leaf in range(metadata.num_columns)
        for page in pages_of(body, metadata.row_group(group).column(leaf))
    ]


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


def test_a_list_of_one_long_word_is_refused() -> None:
    """A dictionary that would be written out for each value counts each time."""
    words = pa.table({"s": [["w" * 1000] * 100_000]})
    assert len(written(words)) < MIB
    with pytest.raises(TooLarge):
        table_of_parquet(written(words), limit=16 * MIB)


@pytest.mark.parametrize("filler", [b"\xff", b"\x19", b"\x1c", b"\x9c"])
@pytest.mark.parametrize("cut", [5, 40, 200])
def test_broken_pages_are_undecodable(cut: int, filler: bytes) -> None:
    """Headers that are no headers are refused, lists in lists in lists too, and never read for ever."""
    body = bytearray(written(pa.table({"x": [1.0, 2.0, 3.0], "y": ["a", "b", "c"]})))
    body[4:cut] = filler * (cut - 4)
    with pytest.raises((BadRequest, TooLarge)):
        table_of_parquet(bytes(body), limit=16 * MIB)
