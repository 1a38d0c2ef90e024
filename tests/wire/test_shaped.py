"""Rows of one shape are read off the tape as the long way reads them; what is not of one shape is left alone."""

import json
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import BadRequest
from app.wire import jsoncolumns, shaped, structs, tape, taperows
from app.wire.decode import decode
from app.wire.jsonrows import table_of_rows, table_of_value
from app.wire.jsontext import load_exact, load_json
from app.wire.ndjson import lines_of, parsed
from app.wire.quick import quick_json, quick_lines
from app.wire.shaped import ShapedColumns
from app.wire.table import Table
from wire.likeness import same

TEXTS = st.text('a},{"\\:[] \né', max_size=5) | st.sampled_from(["2026-11-20T10:00:00Z", "},{", "\ud800", "\0"])
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from([0, -0.0, 5e-324, 1.7976931348623157e308, 2**53 + 1, -(2**63), 2**64 - 1, 2**64, 0.1]),
)
KINDS = (NUMBERS, st.floats(-1e6, 1e6), TEXTS | st.none() | st.booleans())


@pytest.fixture(autouse=True, scope="module")
def small_parts() -> Any:
    """Let the quick readers take bodies of any size, in parts of a few rows."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (jsoncolumns, structs, shaped):
            patch.setattr(module, "SMALLEST", 0)
        patch.setattr(taperows, "PART", 96)
        patch.setattr(taperows, "_SPARE", [])
        yield


@st.composite
def shaped_rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw rows of one shape."""
    names = draw(st.lists(st.text('ab,:{}[]"\\é ', max_size=6), min_size=1, max_size=6, unique=True))
    kinds = {name: draw(st.sampled_from(KINDS)) for name in names}
    return [
        {name: draw(kind) for name, kind in kinds.items()} for _ in range(draw(st.integers(min_value=1, max_value=7)))
    ]


def bodies(rows: list[dict[str, Any]], draw: st.DataObject) -> list[bytes]:
    """Write rows as an array and as an object, with blanks here and there."""
    separators = draw.draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\t")]))
    escaped = draw.draw(st.booleans())
    text = json.dumps(rows, separators=separators, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    return [text, b' { "rows" : ' + text + b" } ", b'{"rows":' + text + b',"more":[{}]}']


def compared(body: bytes) -> None:
    """Compare with the long way, which must take what the quick reader takes."""
    try:
        slow = table_of_value(load_json(body), body=body)
    except BadRequest:
        assert _quick_or_refused(body) is None
        return
    same(quick_json(body), slow)


def _quick_or_refused(body: bytes) -> Table | None:
    try:
        return quick_json(body)
    except BadRequest:
        return None


@settings(deadline=None)
@given(shaped_rows(), st.data())
def test_rows_of_one_shape_are_read_alike(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    """Numbers of all kinds, texts, constants and odd names come as the long way gives them."""
    for body in bodies(rows, data):
        compared(body)


@settings(max_examples=400, deadline=None)
@given(shaped_rows(), st.data())
def test_damaged_rows_are_read_alike(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    """With some bytes changed, a body is read as the long way reads it or not at all."""
    body = bytearray(data.draw(st.sampled_from(bodies(rows, data))))
    for _ in range(data.draw(st.integers(min_value=1, max_value=3))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place : place + data.draw(st.integers(0, 3))] = data.draw(
            st.sampled_from(
                [b"", b",", b"}", b"},{", b"[", b"]", b'"', b":", b"1", b"null", b"\n", b"\\", b"\xff", b"e"]
            )
        )
    compared(bytes(body))


@settings(max_examples=400, deadline=None)
@given(shaped_rows(), st.data())
def test_lines_of_one_shape_are_read_alike(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    """Lines, of which some bytes may be changed, are read one by one or not at all."""
    end = data.draw(st.sampled_from([b"\n", b"\r\n"]))
    body = bytearray(end.join(json.dumps(row).encode() for row in rows) + data.draw(st.sampled_from([b"", end])))
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from([b"\n", b"}\n{", b"},{", b",", b"}{", b"\r", b'"', b"", b"\\n", b"\n\n"])
        )
    lines = bytes(body)
    exact = partial(parsed, list(lines_of(lines)), load_exact)
    same(quick_lines(lines, exact), table_of_rows(parsed(lines_of(lines), load_json), exact=exact))


@pytest.mark.parametrize(
    "lines",
    [
        b'{"a":1}\n{"a":1},{"a":2}\n{"a":3}',
        b'{"a":1},{"a":"x}\n{y"}',
        b'{"a":"x}\n{y"}\n{"a":"z"},{"a":"z"}',
        b'{"a":1,"b":2},{"a":3\n"b":4}',
        b'{"a":1}\n\n{"a":2}',
    ],
)
def test_lines_that_hang_together_are_left_alone(lines: bytes) -> None:
    """Commas that stand where a line should end, or strings over two lines, are for the long way."""
    assert shaped.shaped_lines(lines, list) is None


@pytest.mark.parametrize(
    "body",
    [
        b'[{"a":1},{"a":[1]}]',
        b'[{"a":1},{"b":1}]',
        b'[{"a":1,"b":1},{"b":1,"a":1}]',
        b'[{"a":1},{"a":1,"b":2}]',
        b'[{"a":1},{"a":null}]',
        b'[{"a":1,"a":1},{"a":1,"a":1}]',
        b'[{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa":"x"},{"":"y"}]',
        b'[{"a":"x"},{"a":1}]',
        b"[{},{}]",
        b'[{"a":1}],[{"a":1}]',
        b'[{"a":1},{"a":1e400}]',
        b'[{"a":1},{"a":18446744073709551616}]',
    ],
)
def test_rows_of_other_shapes_are_left_alone(body: bytes) -> None:
    """A row with other names, an order or kinds of its own is not taken."""
    assert shaped.shaped_json(body, list) is None


def test_tape_lies_where_it_is_looked_for() -> None:
    """The parser that is installed is read off its tape."""
    assert tape.trusted()


def test_rows_of_one_shape_are_taken() -> None:
    """Numbers, times, categories with nulls, constants: none of them makes the reader stumble."""
    rows = [
        {
            "t": f"2026-11-20T10:00:{n:02}Z",
            "x": n + 0.5,
            "n": n,
            "m": n or 0.5,
            "c": "ab"[n % 2] if n % 3 else None,
            "ok": n > 3,
        }
        for n in range(40)
    ]
    table = decode(json.dumps({"rows": rows}).encode(), "application/json")
    assert isinstance(table.columns, ShapedColumns)
    assert table.columns.rows == rows
    assert {name: list(column) for name, column in table.columns.items()} == {
        name: [row[name] for row in rows] for name in rows[0]
    }
    assert table.columns.picked(["m", "n", "c"], [0, 7]) == {"m": [0.5, 7], "n": [0, 7], "c": [None, "b"]}
    assert [type(value) for value in table.columns.picked(["m"], [0, 7])["m"]] == [float, int]
    assert table.block is not None
    assert sorted(table.block.places) == ["m", "n", "x"]


def test_a_brace_in_a_text_does_not_cut_it() -> None:
    """Where a text looks like the end of a row the body is cut elsewhere, or read the long way."""
    rows = [{"text": "}, {" * 9, "x": float(n)} for n in range(30)]
    body = json.dumps(rows).encode()
    compared(body)
    assert decode(body, None).rows == 30


ALIKE = (
    b'[{"a":1.5,"b":2.5},{"a":0.5,"b":1.5}]',
    b'[{"a":null,"b":2.5},{"a":"x","b":1.5}]',
    b'[{"a":1.5,"b":"x"},{"a":1.5,"b":null}]',
    b'[{"b":1.5,"a":2.5},{"b":0.5,"a":1.5}]',
    b'[{"a":1.5,"c":2.5},{"a":0.5,"c":1.5}]',
    b'[{"a":1,"b":2.5},{"a":3,"b":18446744073709551615}]',
    b'[{"a":{},"b":2.5},{"a":{},"b":1.5}]',
    b'[{"a":"x","b":"y"},{"a":null,"b":true}]',
    b'[{"ab":1.5,"":2.5},{"ab":0.5,"":1.5}]',
)


@pytest.mark.parametrize("former", ALIKE)
@pytest.mark.parametrize("body", ALIKE)
def test_what_the_last_body_was_like_changes_nothing(former: bytes, body: bytes) -> None:
    """Rows are read by their own names and kinds, whatever was read before them."""
    shaped.shaped_json(former, list)
    compared(body)


def test_rows_may_be_many_more_than_the_first_of_them_promise() -> None:
    """Room is made anew when the first rows are the longest, also for integers among the numbers."""
    rows = [{"a": 1.0 / 3, "b": -1.0 / 3, "c": "x" * 9} for _ in range(3)]
    rows += [{"a": float(n % 3) if n % 2 else n, "b": 0.5, "c": "y"} for n in range(500)]
    body = json.dumps(rows).encode()
    compared(body)
    assert isinstance(decode(body, None).columns, ShapedColumns)
