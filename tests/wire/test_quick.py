"""The quick readers give what the long way gives, and leave to it what is not plain."""

import json
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import TooLarge
from app.wire import jsoncolumns, shaped, structs
from app.wire.cells import Cells
from app.wire.decode import decode
from app.wire.faults import MAX_NAMES
from app.wire.jsonrows import table_of_rows, table_of_value
from app.wire.jsontext import load_exact, load_json
from app.wire.ndjson import lines_of, parsed
from app.wire.quick import quick_json, quick_lines
from wire.likeness import same

NAMES = st.text('ab[]{}",:\\é \n', max_size=4)
LITERALS = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(-(2**70), 2**70),
    st.sampled_from(["", "x[1]", '],"', "é", "\ud800", "1.5", "NaN", 0, 1, 1.0, True, -0.0, 1e300, 2**53 + 1]),
)
ODD = st.one_of(LITERALS, st.lists(LITERALS, max_size=2), st.dictionaries(NAMES, LITERALS, max_size=2))


@pytest.fixture(autouse=True, scope="module")
def small_bodies_too() -> Any:
    """Let the quick readers take bodies of any size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsoncolumns, "SMALLEST", 0)
        patch.setattr(structs, "SMALLEST", 0)
        patch.setattr(shaped, "SMALLEST", 0)
        yield


@settings(deadline=None)
@given(st.dictionaries(NAMES, st.lists(st.floats() | LITERALS, min_size=3, max_size=3), max_size=4))
def test_columns_are_read_alike(columns: dict[str, list[Any]]) -> None:
    """Columns of anything have the values that the long way finds."""
    body = json.dumps({"columns": columns}).encode()
    same(quick_json(body), table_of_value(load_json(body), body=body))


@settings(deadline=None)
@given(st.dictionaries(NAMES, ODD, min_size=1, max_size=4), st.data())
def test_rows_are_read_alike(first: dict[str, Any], data: st.DataObject) -> None:
    """Rows of anything, some names left out or new, have the values that the long way finds."""
    names = st.sampled_from([*first, "new"])
    rows = [first, *data.draw(st.lists(st.dictionaries(names, ODD, max_size=4), max_size=4))]
    for body in (json.dumps(rows).encode(), json.dumps({"rows": rows, "more": 1}).encode()):
        same(quick_json(body), table_of_value(load_json(body), body=body))
    lines = b"\n".join(json.dumps(row).encode() for row in rows)
    exact = partial(parsed, list(lines_of(lines)), load_exact)
    same(quick_lines(lines, exact), table_of_rows(parsed(lines_of(lines), load_json), exact=exact))


@settings(max_examples=300, deadline=None)
@given(st.text('{}[]",:\\1e-. \n', max_size=24))
def test_broken_bodies_are_left_alone(text: str) -> None:
    """A quick reader gives nothing where the long way finds no JSON, and otherwise the same."""
    for start in ('{"columns":{"a":[1],', '{"columns":{"a":[', '[{"a":1},{', '{"rows":[{"a":[1]}'):
        body = (start + text).encode()
        quick = quick_json(body)
        if quick is not None:
            same(quick, table_of_value(load_json(body), body=body))


@pytest.mark.parametrize(
    "body",
    [
        b'{"columns":{"a":[[1,2],[]]}}',
        b'{"columns":{"a":[1,[2],3]}}',
        b'{"columns":{"a":["],\\"b\\":["]}}',
        b'{"columns":{"a":[1],"a":[2]}}',
        b'{"columns":{"a":[1],"a":0}}',
        b'{"columns":{"a":[1],"b":[1,2]}}',
        b'{"columns":{"a":[1]},"rows":[]}',
        b'{"columns":{"a":[1]}} x',
        b'[{"a":1},5]',
        b'[{"a":1},{"b":1}]',
    ],
)
def test_what_is_not_plain_is_left_alone(body: bytes) -> None:
    """Nested arrays, names that stand twice, unlike lengths and unlike rows go the long way."""
    assert quick_json(body) is None


@pytest.mark.parametrize("lines", [b'{"a":1}{"a":2}\n\n', b'{"a":\n1}', b'{"a":1},\n{"a":2}', b'{"a":1}\n[1]', b"\n{}"])
def test_lines_that_are_not_one_object_each_are_left_alone(lines: bytes) -> None:
    """Two objects on a line or one over two lines are for the long way to refuse."""
    assert quick_lines(lines, list) is None


NUMBERS = st.one_of(st.none(), st.floats(), st.sampled_from([0, 1, 5e-324, 1e-323, 1.5e-323, 2e-323, 2**60 + 1, -0.0]))


@settings(deadline=None)
@given(st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=1, max_size=5))
def test_nulls_among_numbers_are_read_alike(values: list[list[Any]]) -> None:
    """Columns and rows of numbers, nulls and NaN, those among them that stand for the words in between."""
    columns = {f"c{n}": column for n, column in enumerate(values)}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]
    for body in (json.dumps({"columns": columns}).encode(), json.dumps(rows).encode()):
        quick = quick_json(body)
        assert quick is not None or body.startswith(b"[")
        same(quick, table_of_value(load_json(body), body=body))


@pytest.mark.parametrize(
    "array",
    [b"[1null]", b"[null1]", b"[nullnull]", b"[-null]", b"[1.null]", b"[NaNNaN]", b"[--Infinity]", b"[1e-Infinity]"],
)
def test_words_within_numbers_are_no_json(array: bytes) -> None:
    """What is no JSON stays none when a word in it is read as a number."""
    assert quick_json(b'{"columns":{"a":' + array + b"}}") is None


def test_plain_numbers_make_no_objects() -> None:
    """The bodies that the quick readers are for are taken by them."""
    rows = [{"x": n + 0.5, "y": n / 3, "s": "a"} for n in range(5)]
    for body in (json.dumps(rows).encode(), json.dumps({"columns": {"x": [0.5, 1.5], "y": [1, 2]}}).encode()):
        table = decode(body, None)
        assert isinstance(table.columns["x"], Cells)
        assert isinstance(table.columns["y"], Cells)
    assert quick_lines(b"\n".join(json.dumps(row).encode() for row in rows), list) is not None


def test_columns_without_end() -> None:
    """A body of more arrays than there may be names is not taken apart array by array."""
    body = b'{"columns":{' + b",".join(b'"%d":[1]' % name for name in range(MAX_NAMES + 1)) + b"}}"
    assert jsoncolumns.columns_of(body) is None
    with pytest.raises(TooLarge):
        decode(body, "application/json")
