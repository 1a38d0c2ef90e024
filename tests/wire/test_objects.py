"""Columns of any make as row objects, values worked by hand."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest

from app.errors import TooLarge
from app.wire.cells import Cells
from app.wire.decode import decode
from app.wire.jsonrows import RowColumns
from app.wire.objects import table_of_objects, values
from app.wire.table import Table
from wire import likeness, writers
from wire.test_flat import SIMPLE, nested, read

NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([1.5, None, 2.0]), [1.5, None, 2.0]),
        (pa.array([b"a\xff", None]), ["a\ufffd", None]),
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
        (pa.array([NOON, None], pa.timestamp("ns", "Europe/Oslo")), ["2026-11-20T13:00:00+01:00", None]),
        (pa.array([NOON]).dictionary_encode(), ["2026-11-20T12:00:00Z"]),
        (pa.array([dt.date(2026, 11, 20)]), ["2026-11-20"]),
        (pa.array([Decimal("1.50")]), [Decimal("1.50")]),
        (pa.array([[1, 2], None]), [{}, None]),
        (pa.array([{"t": NOON, "in": {"b": b"x"}}, None]), [{"t": "2026-11-20T12:00:00Z", "in": {"b": "x"}}, None]),
        (pa.array([{}, None], pa.struct([])), [{}, None]),
        (pa.chunked_array([pa.array([{"a": 1}, None]), pa.array([{"a": 2}])])[1:], [None, {"a": 2}]),
        (
            pa.array([[("z", 0)], [("a", 1), ("b", None)], None, []], pa.map_(pa.string(), pa.int64()))[1:],
            [{"a": 1, "b": None}, None, {}],
        ),
        (pa.array([[(1, 1)]], pa.map_(pa.int64(), pa.int64())), [{}]),
        (["a", 1, None], ["a", 1, None]),
    ],
)
def test_values(column: pa.Array, expected: list[object]) -> None:
    """Every kind of column becomes what JSON would have, an object where there is no such thing."""
    assert [value if value != [] else {} for value in values(column)] == expected


def test_booleans_of_csv() -> None:
    """In CSV alone the words true and false are booleans, in any case, with blanks around them."""
    words = ["true", " FALSE", "t", "", None]
    assert values(pa.array(words), text=True) == [True, False, "t", "", None]
    assert values(pa.array(words)) == words


@pytest.mark.parametrize("batches", [1, 2])
@pytest.mark.parametrize("kind", SIMPLE)
def test_counts_as_before(kind: str, batches: int) -> None:
    """A column of any make counts the same as it is and as JSON values, both ways."""
    for array in (SIMPLE[kind], *nested(SIMPLE[kind]), *nested(next(nested(SIMPLE[kind])))):
        column = read(array, batches)
        rows = table_of_objects(Table(rows=len(column), columns={"a": column}, received=len(column)))
        assert likeness.counted(rows.columns["a"]) == likeness.counted(column), array.type


def test_rows() -> None:
    """Rows are objects of all columns; long integers keep their digits, numbers of the rows their place."""
    body = writers.columns_json({"a": [1, 123456789012345678901234567890], "b": ["x", None]})
    table = replace(decode(body, None), received=3)
    found = table_of_objects(table)
    assert isinstance(found.columns, RowColumns)
    assert found.columns.rows[0] == {"a": 1, "b": "x"}
    assert found.columns.exact is not None
    assert found.columns.exact()[1] == {"a": 123456789012345678901234567890, "b": None}
    assert (found.rows, found.received) == (2, 3)


def test_too_much() -> None:
    """Little that stands for many objects is refused before they are made."""
    column = pa.nulls(1_000_000)
    with pytest.raises(TooLarge):
        table_of_objects(Table(rows=1_000_000, columns=dict.fromkeys("abcde", column), received=1_000_000))
    wide = pa.array([[(str(n), 1) for n in range(1000)]], pa.map_(pa.string(), pa.int8()))
    many = pa.chunked_array([wide] * 5000)
    with pytest.raises(TooLarge):
        table_of_objects(Table(rows=5000, columns={"a": many}, received=5000))
    with pytest.raises(TooLarge):
        table_of_objects(Table(rows=2_000_000, columns={"a": pa.nulls(2_000_000)}, received=2_000_000))


def test_cells() -> None:
    """Numbers that were read without an object each are those that the body wrote."""
    table = decode(b'{"columns":{"a":[' + b",".join([b"1.5"] * 4000) + b"]}}", None)
    assert isinstance(table.columns["a"], Cells)
    assert values(table.columns["a"]) == [1.5] * 4000
