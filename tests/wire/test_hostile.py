"""Bodies made to break a decoder."""

import gzip
import io
import json
import random
import struct
import zlib
from collections.abc import Callable

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from app.errors import BadRequest, Problem, Refused, TooLarge
from app.wire.decode import decode
from app.wire.inflate import inflate, misnamed
from app.wire.jsontext import load_json
from app.wire.values import categorical, numeric
from wire import writers

LIMIT = 8 << 20


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(psutil.Process().memory_info().rss)


@pytest.mark.parametrize("depth", [10**5, 10**6])
@pytest.mark.parametrize("bracket", [b"[", b'{"a":', b'[{"a":', b'{"rows":['])
def test_deep_nesting(depth: int, bracket: bytes) -> None:
    """Nesting of any depth is a plain refusal, never a RecursionError."""
    with pytest.raises(BadRequest):
        decode(bracket * depth, "application/json")


def test_deep_value() -> None:
    """A closed deep value is refused as JSON and costs one line of NDJSON."""
    deep = b'{"a":' + b"[" * 10**5 + b"]" * 10**5 + b"}"
    with pytest.raises(BadRequest):
        decode(b"[" + deep + b"]", None)
    assert decode(b'{"a":1}\n' + deep, None).received == 2


@pytest.mark.parametrize("digits", [400, 5000, 10**6])
def test_long_numbers(digits: int) -> None:
    """A literal beyond a double is an infinity and its neighbours are kept."""
    body = b'[{"a":' + b"9" * digits + b'},{"a":-' + b"9" * digits + b'},{"a":1},{"a":1e400}]'
    assert numeric(decode(body, None).columns["a"]).values.tolist() == [np.inf, -np.inf, 1.0, np.inf]


def test_surrogates_and_bad_utf8() -> None:
    """Lone surrogates and bytes that are no UTF-8 are replaced; pairs and escaped backslashes are not touched."""
    table = decode(b'[{"a":"\\ud800"},{"a":"\\ud83d\\ude00"},{"a":"\\\\ud800"},{"a":"\xff"},{"\\udc00":1}]', None)
    assert list(table.columns["a"]) == ["\ufffd", "\U0001f600", "\\ud800", "\ufffd", None]
    assert categorical(table.columns["\ufffd"]).categories == ("1",)


def test_sparse_names_stay_sparse() -> None:
    """Rows that each name other columns cost no rows-times-names table."""
    rows = [{f"n{row}_{n}": 1 for n in range(20)} for row in range(3000)]
    body = json.dumps(rows).encode()
    before = resident()
    table = decode(body, None)
    assert len(table.columns) == 60_000
    assert table.columns["n7_0"][6:9] == [None, 1, None]
    assert resident() - before < 100 << 20


@pytest.mark.parametrize("squeeze", [gzip.compress, zstandard.compress])
def test_inflate(squeeze: Callable[[bytes], bytes]) -> None:
    """Compressed bodies are recognised by their bytes, whatever they are called."""
    packed = squeeze(b"hello" * 1000)
    for encoding in (None, "", "identity", "gzip", "ZSTD", "x-gzip"):
        assert inflate(packed, encoding, limit=LIMIT) == b"hello" * 1000
    assert inflate(b"plain", "gzip", limit=LIMIT) == b"plain"


@pytest.mark.parametrize("squeeze", [gzip.compress, zstandard.compress])
def test_damaged_compression(squeeze: Callable[[bytes], bytes]) -> None:
    """Truncated, corrupt, very many members and trailing bytes are each refused."""
    packed = squeeze(random.Random(1).randbytes(5000))
    flipped = bytearray(packed)
    flipped[6 if packed[0] == 0x28 else -8] ^= 0xFF
    for damaged in (packed[:-1], packed[:20], packed + b"x", packed * 1000, bytes(flipped)):
        with pytest.raises(BadRequest):
            inflate(damaged, None, limit=LIMIT)


@pytest.mark.parametrize("squeeze", [gzip.compress, zstandard.compress])
def test_several_members(squeeze: Callable[[bytes], bytes]) -> None:
    """A series of members or frames is one body, up to the limit; the last one must be whole."""
    packed = squeeze(b"hel") + squeeze(b"") + squeeze(b"lo")
    assert inflate(packed, "gzip", limit=5) == b"hello"
    with pytest.raises(TooLarge):
        inflate(packed, "gzip", limit=4)
    for damaged in (packed[:-1], packed + b"\0", packed + squeeze(b"x")[:9]):
        with pytest.raises(BadRequest):
            inflate(damaged, None, limit=LIMIT)


def test_deflate() -> None:
    """Both things that are called deflate are read; zlib, which has a checksum, under any name and without one."""
    plain, packer = b"hello" * 1000, zlib.compressobj(wbits=-15)
    raw = packer.compress(plain) + packer.flush()
    for level in (0, 1, 6, 9):
        for encoding in (None, "", "gzip", "identity", "deflate", " Deflate", "zlib"):
            assert inflate(zlib.compress(plain, level), encoding, limit=LIMIT) == plain
    assert inflate(raw, "deflate", limit=LIMIT) == plain
    assert inflate(zlib.compress(b""), None, limit=LIMIT) == b""
    for text in (b"x^2,y\n1,2\n", b"x^", b"x\x9c", zlib.compress(plain)[:-1]):
        assert inflate(text, None, limit=LIMIT) == text


def test_damaged_deflate() -> None:
    """What is called deflate is refused when cut short, damaged or too large, and left alone when something else."""
    packed = zlib.compress(random.Random(1).randbytes(5000))
    for damaged in (packed[:-1], packed[:20], packed + b"x", packed * 2, packed[:-1] + bytes([packed[-1] ^ 1])):
        with pytest.raises(BadRequest):
            inflate(damaged, "deflate", limit=LIMIT)
    for other in (b"{}", b"", b'{"rows": []}', b"x,y\n1,2\n", b"x^2,y\n1,2\n", bytes(1000)):
        assert inflate(other, "deflate", limit=LIMIT) is other
        assert inflate(gzip.compress(other), "deflate", limit=LIMIT) == other
    packer = zlib.compressobj(9, wbits=-15)
    bombs = ((zlib.compress(bytes(1 << 28), 9), None), (packer.compress(bytes(1 << 28)) + packer.flush(), "deflate"))
    before = resident()
    for bomb, encoding in bombs:
        with pytest.raises(TooLarge):
            inflate(bomb, encoding, limit=LIMIT)
    assert resident() - before < 100 << 20


def test_snappy() -> None:
    """What is called snappy is read as Fluent Bit and Vector write it, without frames; other bytes are left alone."""
    plain, codec = b'[{"age":41.5}]' * 1000, pa.Codec("snappy")
    packed = codec.compress(plain, asbytes=True)
    assert inflate(packed, "snappy", limit=LIMIT) == plain
    assert inflate(codec.compress(b"", asbytes=True), " Snappy", limit=LIMIT) == b""
    overlong = b"\xff\xff\xff\xff\x0f" + packed
    for other in (packed[:-1], packed + b"x", plain, b"", b"\xff\x06\0\0sNaPpY", overlong):
        assert inflate(other, "snappy", limit=LIMIT) is other
    assert inflate(gzip.compress(b"{}"), "snappy", limit=LIMIT) == b"{}"
    with pytest.raises(TooLarge):
        inflate(codec.compress(bytes(LIMIT + 1), asbytes=True), "snappy", limit=LIMIT)


@pytest.mark.parametrize("encoding", ["br", "compress", "gzip, gzip", "gzip,zstd", "\u202e" * 500])
def test_unknown_encodings(encoding: str) -> None:
    """Other encodings, and more than one, are hints of no use: the bytes decide, and what is said of them is short."""
    for squeeze in (bytes, gzip.compress, zstandard.compress, zlib.compress):
        assert inflate(squeeze(b"[]"), encoding, limit=LIMIT) == b"[]"
    assert len(misnamed(encoding) or "") in range(1, 250)


def gzip_bomb() -> bytes:
    """Pack a gigabyte of zeros."""
    sink = io.BytesIO()
    with gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=1) as file:
        for _ in range(256):
            file.write(bytes(1 << 22))
    return sink.getvalue()


def zstd_bomb() -> bytes:
    """Make a frame of single-byte runs by hand: 8,192 blocks of 128 KiB in 32 KiB."""
    head = b"\x28\xb5\x2f\xfd" + b"\x00" + b"\x38"
    block = struct.pack("<I", (128 << 10) << 3 | 1 << 1)[:3] + b"\0"
    last = struct.pack("<I", (128 << 10) << 3 | 1 << 1 | 1)[:3] + b"\0"
    return head + block * 8191 + last


@pytest.mark.parametrize("make", [gzip_bomb, zstd_bomb])
def test_bombs(make: Callable[[], bytes]) -> None:
    """A gigabyte behind a small body is refused, and never held."""
    bomb = make()
    before = resident()
    with pytest.raises(TooLarge) as refusal:
        inflate(bomb, None, limit=LIMIT)
    assert refusal.value.code == "body-too-large"
    assert resident() - before < 64 << 20


def test_exactly_the_limit() -> None:
    """The limit itself is allowed, one byte more is not."""
    for squeeze in (gzip.compress, zstandard.compress, bytes):
        assert len(inflate(squeeze(bytes(1000)), None, limit=1000)) == 1000
        with pytest.raises(TooLarge):
            inflate(squeeze(bytes(1001)), None, limit=1000)


@pytest.mark.parametrize("write", [writers.parquet, writers.arrow_stream, writers.arrow_file])
def test_columns_that_grow(write: Callable[..., bytes]) -> None:
    """Zeros that compress a thousandfold inside Parquet and Arrow are counted before they are unpacked."""
    columns = {f"x{n}": np.zeros(200_000) for n in range(16)}
    table, sink = pa.table(columns), pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    if write is writers.parquet:
        pq.write_table(table, sink)
    else:
        new = pa.ipc.new_file if write is writers.arrow_file else pa.ipc.new_stream
        with new(sink, table.schema, options=options) as writer:
            writer.write_table(table)
    body = sink.getvalue().to_pybytes()
    assert len(body) < 1 << 20
    with pytest.raises(TooLarge):
        decode(body, None, limit=LIMIT)
    assert decode(body, None, limit=64 << 20).rows == 200_000


def test_rows_of_nothing() -> None:
    """Rows that take no bytes are counted before anything is made of them."""
    rows = 10**9
    batch = pa.record_batch([pa.nulls(rows)], names=["n"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    with pytest.raises(TooLarge):
        decode(sink.getvalue().to_pybytes(), None)


@pytest.mark.parametrize("name", ["arrow_stream", "arrow_file", "parquet", "ndjson", "rows_json", "csv_text"])
def test_flipped_bytes(name: str) -> None:
    """Damaged bodies are read or refused; nothing else escapes, and what is read can be counted."""
    columns = {"x": [1.5, None, 2.5] * 20, "s": ["a", "b", None] * 20}
    body = getattr(writers, name)(columns)
    rng = random.Random(7)
    for _ in range(300):
        damaged = bytearray(body)
        for _ in range(rng.randint(1, 3)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            table = decode(bytes(damaged), "text/csv" if name == "csv_text" else None)
            for raw in table.columns.values():
                numeric(raw, text=table.text)
                categorical(raw, text=table.text)
        except Problem:
            continue


def test_load_json_is_strict_otherwise() -> None:
    """Being tolerant of NaN does not make other mistakes lawful."""
    for body in (b"[1,]", b"[01]", b"[+1]", b"[1.]", b"{'a':1}", b"[nan]", b'["\x01"]', b"[1", b"", b"[-NaN]", b"\xff"):
        with pytest.raises(BadRequest):
            load_json(body)
    assert str(load_json(b"[NaN, Infinity, -Infinity]")) == "[nan, inf, -inf]"


@pytest.mark.parametrize(
    "body", [b"[" + b"[]," * 1_100_000 + b"[]]", b'{"rows":[' + b"{}," * 1_100_000 + b"{}]}", b"{}\n" * 1_100_000]
)
def test_arrays_without_end(body: bytes) -> None:
    """A body of nothing but brackets, each of which would take fifty times its size, is refused unread."""
    with pytest.raises(BadRequest, match="arrays and objects"):
        decode(body, None)
    with pytest.raises(BadRequest, match="arrays and objects"):
        load_json(body)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"columns":{"x":[' + b"0," * 5_000_000 + b"0]}}", "body-too-large"),
        (b'{"columns":{"x":[' + b'"a",' * 2_200_000 + b'""]}}', "body-too-large"),
        (b'{"rows":[{' + b",".join(b'"%d":1' % n for n in range(500_000)) + b"}]}", "too-many-names"),
        (b"{" + b",".join(b'"%d":1' % n for n in range(500_000)) + b"}\n{}", "too-many-names"),
    ],
)
def test_values_without_end(body: bytes, code: str) -> None:
    """More values, strings or names than memory is meant for are refused unread."""
    before = resident()
    with pytest.raises(TooLarge) as refused:
        decode(body, None)
    assert refused.value.code == code
    assert resident() - before < LIMIT


@pytest.mark.parametrize("line", [b"?\n", b"1\n", b"{\n", b"[]\n", b"{}\r\n"])
def test_lines_without_end(line: bytes) -> None:
    """A batch of more lines than it may have rows is refused unread, and blank lines are none."""
    body = b"{}\n" + b" \n" * 300 + line * 101
    assert decode(body, "application/x-ndjson", most=102).received == 102
    with pytest.raises(Refused) as refused:
        decode(body, "application/x-ndjson", most=101)
    assert refused.value.code == "too-many-rows"


def test_cells_without_end() -> None:
    """So are more lines of CSV, unless quotes may hold some of them together."""
    body = b"x\n" + b"1\n\n" * 100
    assert decode(body, "text/csv", most=100).received == 100
    with pytest.raises(Refused, match="may hold 99 rows"):
        decode(body, "text/csv", most=99)
    assert decode(b'x\n"' + b"1\n" * 100 + b'"', "text/csv", most=1).received == 1


def test_columns_without_end() -> None:
    """A column of numbers longer than a batch is refused unread."""
    body = b'{"columns":{"x":[' + b"0.5," * 1_200_000 + b"NaN]}}"
    with pytest.raises(Refused, match="has more"):
        decode(body, None, most=100_000)
    assert decode(body, None, most=1_200_001).rows == 1_200_001


def test_many_columns_without_end() -> None:
    """Arrays that are each of a bearable length may be too many together, or longer than a batch."""
    for columns, rows, code in ((24, 250_000, "body-too-large"), (24, 150_000, "too-many-rows")):
        array = b":[" + b"0," * (rows - 1) + b"0]"
        body = b'{"columns":{' + b",".join(b'"c%d"' % n + array for n in range(columns)) + b"}}"
        before = resident()
        with pytest.raises(Problem) as refused:
            decode(body, None, most=100_000 if code == "too-many-rows" else 250_000)
        assert refused.value.code == code
        assert resident() - before < LIMIT


def test_objects_without_end() -> None:
    """Many more objects than a batch may have rows are refused unread, in an array and in lines."""
    rows = b'{"a":{}},' * 600_000
    for body in (b"[" + rows + b"{}]", b'{"x":[' + rows + b"{}]}\n{}"):
        with pytest.raises(TooLarge, match="objects"):
            decode(body, None, most=100_000)


def test_lines_that_are_no_objects_cost_little() -> None:
    """What does not begin like an object is not parsed; a mark before an object is passed over."""
    table = decode(b'{"x":1}\n' + b"?\n" * 1000 + b'\xef\xbb\xbf {"x":2}\n\xef\xbb\xbf2', "application/x-ndjson")
    assert (table.rows, table.received, list(table.columns["x"])) == (2, 1003, [1, 2])
