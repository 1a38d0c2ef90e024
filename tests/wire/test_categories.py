"""What a categorical feature reads."""

import datetime as dt
import json
import math
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drift.columns import INVALID_CODE, NULL_CODE, CategoricalColumn
from app.wire.decode import decode
from app.wire.values import categorical

UTC = dt.UTC


def rows(column: CategoricalColumn) -> list[str | int]:
    """Write a column as texts and negative codes; its categories are distinct and used."""
    codes = column.codes.tolist()
    assert len(set(column.categories)) == len(column.categories)
    assert set(range(len(column.categories))) == {code for code in codes if code >= 0}
    return [column.categories[code] if code >= 0 else code for code in codes]


def test_json_values() -> None:
    """Numbers are their text, booleans their word, NaN is null, what holds other values is invalid."""
    raw = [1, 1.0, "1", 1.5, True, False, None, math.nan, "NaN", math.inf, -math.inf, [1], {}, -0.0, 0, "", " a"]
    want = ["1", "1", "1", "1.5", "true", "false", -1, -1, "NaN", "Infinity", "-Infinity", -2, -2, "0", "0", "", " a"]
    assert rows(categorical(raw)) == want


@pytest.mark.parametrize(
    ("raw", "want"),
    [
        (["a", None, "a", "b"], ["a", NULL_CODE, "a", "b"]),
        ([3, 3, None], ["3", "3", NULL_CODE]),
        ([2**70, -(2**63)], [str(2**70), str(-(2**63))]),
        ([1.0, math.nan, 1e16, 0.1], ["1", NULL_CODE, "1e+16", "0.1"]),
        ([True, None], ["true", NULL_CODE]),
        (["\ud800x", "y"], ["?x", "y"]),
        ([None], [NULL_CODE]),
        ([], []),
    ],
)
def test_plain_lists(raw: list[object], want: list[str | int]) -> None:
    """Lists of one type take a shorter way to the same texts."""
    assert rows(categorical(raw)) == want


@pytest.mark.parametrize(
    ("array", "want"),
    [
        (pa.array([1, None], pa.int8()), ["1", NULL_CODE]),
        (pa.array([1.0, math.nan, None]), ["1", NULL_CODE, NULL_CODE]),
        (pa.array([True]), ["true"]),
        (pa.array([Decimal("1.00"), Decimal("1.50")], pa.decimal128(9, 2)), ["1", "1.5"]),
        (pa.array([10**9 + 1], pa.timestamp("ns", "UTC")), ["1970-01-01T00:00:01Z"]),
        (pa.array([0], pa.timestamp("ms")), ["1970-01-01T00:00:00"]),
        (pa.array([dt.date(2026, 5, 1)]), ["2026-05-01"]),
        (pa.array([[1], None]), [INVALID_CODE, NULL_CODE]),
        (pa.nulls(1), [NULL_CODE]),
        (pa.array([b"a", b"\xff", None]), ["a", "\ufffd", NULL_CODE]),
        (pa.DictionaryArray.from_arrays(pa.array([0, 2, None]), pa.array(["a", "unused", "a"])), ["a", "a", NULL_CODE]),
        (pa.array(["x", "x"], pa.string_view()), ["x", "x"]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_arrow_types(array: pa.Array, want: list[str | int]) -> None:
    """Arrow's types are written as JSON would; a dictionary's repeats and idle words are merged away."""
    assert rows(categorical(array)) == want


def test_text_booleans() -> None:
    """In CSV true and false in any case are one category each; other text keeps its case."""
    cells = pa.array(["true", "TRUE", "False", "Yes", "yes", "1.0", None])
    want = ["true", "true", "false", "Yes", "yes", "1.0", NULL_CODE]
    assert rows(categorical(cells, text=True)) == want


@pytest.mark.parametrize(
    "body",
    [
        b'[{"id":123456789012345678901},{"id":NaN}]',
        b'{"rows":[{"id":123456789012345678901},{"id":0.5}]}',
        b'{"columns":{"id":[123456789012345678901,0.5]}}',
        b'{"id":123456789012345678901}\n{"id":0.5}',
    ],
)
def test_long_integers_keep_their_digits(body: bytes) -> None:
    """An identifier beyond 64 bits is the same category whatever stands beside it."""
    assert rows(categorical(decode(body, None).columns["id"]))[0] == "123456789012345678901"


def slow(value: object) -> str | int:
    """Write one JSON value by the letter of the rule."""
    if isinstance(value, list) or value is None or (isinstance(value, float) and math.isnan(value)):
        return INVALID_CODE if isinstance(value, list) else NULL_CODE
    if isinstance(value, str):
        return value
    return "0" if value == 0 and not isinstance(value, bool) else json.dumps(value).removesuffix(".0")


scalars: st.SearchStrategy[object] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just([])
)


@given(st.lists(scalars, max_size=20))
def test_against_json(raw: list[object]) -> None:
    """Mixed lists agree with json.dumps, value by value."""
    assert rows(categorical(list(raw))) == [slow(value) for value in raw]


@given(st.one_of(*(st.lists(st.none() | kind, max_size=20) for kind in (st.integers(), st.floats(), st.text()))))
def test_one_type_against_json(raw: list[object]) -> None:
    """Lists of one type agree with json.dumps too."""
    assert rows(categorical(list(raw))) == [slow(value) for value in raw]
