"""Every format gives the same table, and the bytes decide which format it is."""

import json
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadRequest, Problem, Refused, TooLarge, UnsupportedType
from app.wire.decode import decode, format_of
from app.wire.ndjson import LONG_LINE
from app.wire.table import RawColumn, Table
from app.wire.values import categorical, numeric
from wire import writers

COLUMNS: writers.Columns = {"x": [1.5, None, -2.0] * 7, "n": [1, 2, None] * 7, "s": ["a", "b c", None] * 7}
BODIES = {
    "rows": (writers.rows_json(COLUMNS), "json"),
    "bare": (writers.bare_json(COLUMNS), "json"),
    "columns": (writers.columns_json(COLUMNS), "json"),
    "ndjson": (writers.ndjson(COLUMNS), "ndjson"),
    "stream": (writers.arrow_stream(COLUMNS), "arrow"),
    "zstd stream": (writers.arrow_stream(COLUMNS, "zstd"), "arrow"),
    "lz4 file": (writers.arrow_file(COLUMNS, "lz4"), "arrow"),
    "file": (writers.arrow_file(COLUMNS), "arrow"),
    "parquet": (writers.parquet(COLUMNS), "parquet"),
    "csv": (writers.csv_text(COLUMNS), "csv"),
}


def plain(raw: RawColumn) -> list[object]:
    """Give a column as a list."""
    return list(raw.to_pylist() if isinstance(raw, pa.Array | pa.ChunkedArray) else raw)


def read(table: Table) -> dict[str, list[object]]:
    """Read every column both ways."""
    found: dict[str, list[object]] = {}
    for name, raw in table.columns.items():
        numbers, words = numeric(raw, text=table.text), categorical(raw, text=table.text)
        state = np.zeros(table.rows) if numbers.state is None else numbers.state
        texts = [words.categories[code] if code >= 0 else code for code in words.codes.tolist()]
        found[name] = [*map(repr, numbers.values[state == 0].tolist()), *state.tolist(), *texts]
    return found


@pytest.mark.parametrize("name", [name for name in BODIES if name != "csv"])
@pytest.mark.parametrize("content_type", [None, "application/octet-stream", "application/json", "text/csv"])
def test_bytes_decide(name: str, content_type: str | None) -> None:
    """Whatever the content type says, the bytes are read as what they are."""
    body, word = BODIES[name]
    table = decode(body, content_type, row_count=21)
    assert format_of(body, content_type) == word
    assert (table.rows, table.received, table.numbers) == (21, 21, None)
    assert read(table) == read(decode(BODIES["rows"][0], None))


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**53), 2**53), st.none() | st.text(st.characters(codec="utf-8"), min_size=1)
        ),
        min_size=1,
        max_size=20,
    )
)
def test_same_table_everywhere(rows: list[tuple[int | None, str | None]]) -> None:
    """A random table reads alike in every format; CSV apart, whose booleans and line ends are its own."""
    columns = {"n": pa.array([n for n, _ in rows], pa.int64()), "s": pa.array([s for _, s in rows], pa.string())}
    plain = {name: array.to_pylist() for name, array in columns.items()}
    write: list[tuple[Callable[..., bytes], object]] = [
        (writers.bare_json, plain),
        (writers.columns_json, plain),
        (writers.ndjson, plain),
        (writers.arrow_stream, columns),
        (writers.arrow_file, columns),
        (writers.parquet, columns),
    ]
    tables = [
        read(decode(one(which), "application/x-ndjson" if one is writers.ndjson else None)) for one, which in write
    ]
    assert all(table == tables[0] for table in tables)


@given(st.lists(st.lists(st.none() | st.text("ab ,\"'\n1.", min_size=1), min_size=2, max_size=2), max_size=20))
def test_csv_cells_survive(cells: list[list[str | None]]) -> None:
    """Whatever the standard library writes as CSV comes back cell by cell."""
    columns = {"a": [a for a, _ in cells], "b": [b for _, b in cells]}
    table = decode(writers.csv_text(columns), "text/csv; charset=utf-8")
    assert {name: plain(raw) for name, raw in table.columns.items()} == columns


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"a":1}\n{"a":2}\n', None),
        (b'{"a":1}{"a":2}', "application/json"),
        (b'{"a":\n1}\n{"a":2}', None),
        (b'\xef\xbb\xbf{"a":1}\n\n \r\n{"a":2}', "application/json"),
        (b'{"a":1}\r\n{"a":2}\r\n', "application/x-ndjson"),
        (b'[{"a":1},{"a":2}]', "application/x-ndjson"),
        (b'{"rows":\n[{"a":1},{"a":2}]}', "application/x-ndjson"),
        (b'{"rows":[{"a":1},{"a":2}]}', "application/x-ndjson"),
        (b' { "columns" : {"a":[1,2]}}\n\n', "application/x-ndjson"),
        (b' \n{"rows":[{"a":1},{"a":2}],"more":[]}', None),
        (b'{"columns":{"a":[1,2]}}', "application/cloudevents+json"),
    ],
)
def test_json_in_disguise(body: bytes, content_type: str | None) -> None:
    """Several values are NDJSON with or without line ends, one value is JSON whatever it is called."""
    table = decode(body, content_type)
    assert {name: table.columns[name] for name in table.columns} == {"a": [1, 2]}


@pytest.mark.parametrize("key", ["rows", "columns"])
@pytest.mark.parametrize("content_type", ["application/json", "application/x-ndjson", None])
def test_long_lines_that_begin_like_a_table(key: str, content_type: str | None) -> None:
    """Where the first line is so long that nobody looks for its end, its parts count as one row all the same."""
    long = {"rows": [{"n": "n" * LONG_LINE}], "columns": {"n": ["n" * LONG_LINE]}}[key]
    lines = [json.dumps({key: value, "x": n}).encode() for n, value in enumerate([long, [], long])]
    for bad in ([], [b"{bad"], [b"{bad"] * 5):
        table = decode(b"\n".join([*lines, *bad]), content_type)
        assert (table.received, table.columns["x"]) == (3 + len(bad), [0, 1, 2])
        assert [one.row for one in table.rejections] == [*range(3, 3 + len(bad))]


LIES = (None, "", "application/json", "text/plain", "application/octet-stream", "application/x-ndjson", "image/png")


def test_single_line() -> None:
    """One object is a row when the sender says NDJSON or its names are known, and no rows at all otherwise."""
    assert decode(b'{"a":1}', "application/x-ndjson").columns["a"] == [1]
    with pytest.raises(BadRequest):
        decode(b'{"a":1}', "application/json")
    with pytest.raises(BadRequest):
        decode(b'{"a":1}', "application/json", known=lambda: {"b", "rows"})
    for body in (b'{"a":1}', b'{"a":1}\n', b'\xef\xbb\xbf{"b":"x",\n"a":1}', b'{"a":1,"features":2,"columns":3}'):
        for content_type in LIES:
            assert decode(body, content_type, known=lambda: {"a"}).columns["a"] == [1]


@pytest.mark.parametrize(
    "body",
    [
        *(b"{}", b'{"a":[1,2]}', b'{"a":{"bins":[]}}', b'{"features":{"a":{"bins":[]}}}', b'{"rows":{"a":1}}'),
        *(b'{"columns":{"a":1}}', b'{"a":1,"rows":{}}', b'{"a":1', b'{"instances":[{"a":1}]}'),
    ],
)
def test_objects_that_are_no_rows(body: bytes) -> None:
    """A name that is known makes no row of what holds something else."""
    with pytest.raises(BadRequest):
        decode(body, "application/json", known=lambda: {"a"})


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"a":1}{"a":2}{"a":', [1, 2]),
        (b'{"a":1}{"a":2}{"a":}{"a":3}', [1, 2, 3]),
        (b'{"a":1} {"b":"x} {"c":2} {"a":3}', [1, 3]),
        (b'oops\n{"a":1}\n{"a":2}', [1, 2]),
        (b'{"a": 1, "ci\n{"a":1}\r\n{"a":2}\n', [1, 2]),
    ],
)
def test_objects_of_which_one_is_broken(body: bytes, kept: list[int]) -> None:
    """It is refused alone, up to where the next one begins; commas between them are no stream of objects."""
    table = decode(body, "application/json")
    assert (table.columns["a"], len(table.rejections)) == (kept, 1)
    for other in (body.replace(b"}", b"},"), b"[" + body):
        with pytest.raises(BadRequest):
            decode(other, "application/json")


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1}{"a":x' + b"\n" * 2_000_000 + b"x",
        b'{"a":1}{"a":2}' + b"{x}" * 500_000,
        b'{"a":1}{"a":2}' + b"{x\n" * 500_000,
    ],
)
def test_very_many_broken_objects(body: bytes) -> None:
    """They are looked at in a time that grows with their number: here hours became parts of a second."""
    with pytest.raises(BadRequest):
        decode(body, "application/json")


def test_lines_of_which_the_first_is_bad() -> None:
    """Lines are told by most of them; what is cut short is not."""
    table = decode(b'{bad: 1}\n{"a":1}\r\n\n{"a":2}\n', "application/json")
    assert (table.received, table.columns["a"], [one.row for one in table.rejections]) == (3, [1, 2], [0])
    for cut in (b'{"rows":[{"a":1}\n,\n{"a":2}\n,\n{"a":3}', b'[{"a":1}\n,{"a":2}\n', b'{"b":{\n{"a":1}\n{"a":2}\n'):
        with pytest.raises(BadRequest):
            decode(cut, None)


@pytest.mark.parametrize("body", [b"b,a\n2,1\n", b'\xef\xbb\xbf\r\n"a"\r\n1', b"a\r1\r"])
def test_csv_in_disguise(body: bytes) -> None:
    """A header that names a known column makes CSV of a text, whatever it is called."""
    for content_type in LIES:
        table = decode(body, content_type, known=lambda: {"a", "c"})
        assert plain(table.columns["a"]) == ["1"]
        assert format_of(body, content_type, known=lambda: {"a"}) == "csv"
        assert format_of(body, content_type) != "csv"
    assert format_of(b"a", None, known=lambda: {"a"}) is None
    assert format_of(b"a b\n1\n", "application/xml", known=lambda: {"a"}) is None


@pytest.mark.parametrize(
    ("body", "content_type", "numbers", "reasons"),
    [
        (b'[{"a":1},2,null,{"a":3},[]]', None, [0, 3], {1: "not an object", 2: "not an object", 4: "not an object"}),
        (b'{"a":1}\n\n{"a":\n[]\n{"a":3}', None, [0, 3], {1: "not an object", 2: "not an object"}),
        (b"a,b\n1,2\n\n1\n3,4\n5,6,7\n", "text/csv", [0, 2], {1: "ragged line", 3: "ragged line"}),
        (b'a,b\n"1\n\n",2\n1\n', "text/csv", [0], {1: "ragged line"}),
        (b"[1,2]", None, [], {0: "not an object", 1: "not an object"}),
    ],
)
def test_bad_rows(body: bytes, content_type: str, numbers: list[int], reasons: dict[int, str]) -> None:
    """A bad row is refused alone, under its number in the body."""
    table = decode(body, content_type)
    assert table.numbers is not None
    assert table.numbers.tolist() == numbers
    assert {one.row: one.reason for one in table.rejections} == reasons
    assert table.received == len(numbers) + len(reasons)
    assert all(len(raw) == len(numbers) for raw in table.columns.values())


def test_first_hundred_rejections() -> None:
    """No more than a hundred refused rows are listed; all are counted."""
    table = decode(json.dumps([1] * 1000).encode(), None)
    assert [one.row for one in table.rejections] == list(range(100))
    assert table.received == 1000


def test_missing_keys() -> None:
    """Rows may name different columns; a missing key is null."""
    table = decode(b'[{"a":1},{"b":2},{"b":3,"a":4}]', None)
    assert dict(table.columns) == {"a": [1, None, 4], "b": [None, 2, 3]}


def test_csv_cells() -> None:
    """Empty cells are null, quoted or not; a byte order mark is dropped and bad UTF-8 stays in its cell."""
    table = decode(b'\xef\xbb\xbfa,b\r\n"",x\r\nN/A,\r\n\xff,"y\r\nz"', "text/csv")
    assert table.text
    assert plain(table.columns["a"]) == [None, "N/A", "\ufffd"]
    assert plain(table.columns["b"]) == ["x", None, "y\r\nz"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"[]", None), (b'{"rows":[]}', None), (b"a,b", "text/csv"), (b"\n", "application/x-ndjson")],
)
def test_no_rows(body: bytes, content_type: str | None) -> None:
    """A body without a row is a table without rows."""
    assert decode(body, content_type).received == 0


@pytest.mark.parametrize(
    ("body", "content_type", "kind", "code"),
    [
        (b"hello", "text/plain", UnsupportedType, "unsupported-media-type"),
        (b"hello", None, UnsupportedType, "unsupported-media-type"),
        (b"", None, BadRequest, "undecodable"),
        (b"", "application/json", BadRequest, "undecodable"),
        (b"", "text/csv", BadRequest, "undecodable"),
        (b'"x"', "application/json", BadRequest, "undecodable"),
        (b"[][]", None, BadRequest, "undecodable"),
        (b'{"a":1}"x"', None, BadRequest, "undecodable"),
        (b'{"rows":{}}', None, BadRequest, "undecodable"),
        (b'{"columns":{"a":[1],"b":[]}}', None, BadRequest, "undecodable"),
        (b'{"columns":{"a":1}}', None, BadRequest, "undecodable"),
        (b"hello", "application/vnd.apache.parquet", BadRequest, "undecodable"),
        (b"hello", "application/vnd.apache.arrow.stream", BadRequest, "undecodable"),
        (b"a,a\n1,2", "text/csv", Refused, "repeated-name"),
        (b"a,\n1,2", "text/csv", Refused, "unlawful-name"),
        (b"a,\x01\n1,2", "text/csv", Refused, "unlawful-name"),
        (b'{"' + b'":1,"'.join(b"%d" % n for n in range(10**5)) + b'":1}\n{}', None, TooLarge, "too-many-names"),
        (b",".join(b"%d" % n for n in range(10**5)), "text/csv", TooLarge, "too-many-names"),
    ],
)
def test_refusals(body: bytes, content_type: str | None, kind: type[Problem], code: str) -> None:
    """What cannot be read at all is refused with a stable code and without repeating the body."""
    with pytest.raises(kind) as refusal:
        decode(body, content_type)
    assert refusal.value.code == code
    assert len(refusal.value.detail) < 250


@pytest.mark.parametrize("name", BODIES)
def test_row_count(name: str) -> None:
    """A count that differs from what was decoded is refused in every format."""
    with pytest.raises(Refused, match="not 20"):
        decode(BODIES[name][0], "text/csv", row_count=20)


def test_stream_without_end() -> None:
    """An Arrow stream without its end marker needs a row count that agrees."""
    cut = BODIES["stream"][0][:-8]
    assert decode(cut, None, row_count=21).rows == 21
    with pytest.raises(Refused):
        decode(cut, None, row_count=20)
    with pytest.raises(BadRequest, match="no end marker"):
        decode(cut, None)


@pytest.mark.parametrize("name", ["stream", "file", "parquet", "zstd stream"])
def test_truncation_and_trailing_bytes(name: str) -> None:
    """Cut anywhere, or with something after its end, a binary body is refused."""
    body = BODIES[name][0]
    for cut in range(8, len(body) - 8, 37):
        with pytest.raises(BadRequest):
            decode(body[:cut], None)
    with pytest.raises(BadRequest):
        decode(body + b"trailing", None)


@pytest.mark.parametrize("format_", ["arrow", "parquet"])
def test_repeated_column_names(format_: str) -> None:
    """Two columns of one name are refused."""
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    sink = pa.BufferOutputStream()
    if format_ == "parquet":
        pq.write_table(table, sink)
    else:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    with pytest.raises(Refused, match="twice"):
        decode(sink.getvalue().to_pybytes(), None)
