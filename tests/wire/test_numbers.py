"""What a numeric feature reads."""

import math
import re
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drift.columns import INVALID, NULL, VALUE, NumericColumn
from app.wire.values import numeric, numeric_share

NULL_ROW = "null"
INVALID_ROW = "invalid"
Read = float | str

STRINGS: dict[str, Read] = {
    "1": 1.0,
    "+1": 1.0,
    "-1.5": -1.5,
    " 2 ": 2.0,
    "\t3\r\n": 3.0,
    "1.": 1.0,
    ".5": 0.5,
    "1e3": 1000.0,
    "1E+3": 1000.0,
    "1e400": math.inf,
    "-1e400": -math.inf,
    "1e-400": 0.0,
    "9" * 5000: math.inf,
    "NaN": math.nan,
    "-nan": math.nan,
    "Infinity": math.inf,
    "-INF": -math.inf,
    "+inf": math.inf,
    "": INVALID_ROW,
    ".": INVALID_ROW,
    "1_000": INVALID_ROW,
    "0x10": INVALID_ROW,
    "1,5": INVALID_ROW,
    "\uff11": INVALID_ROW,
    "\u0663": INVALID_ROW,
    "\u00a01": INVALID_ROW,
    "nan(1)": INVALID_ROW,
    "infinit": INVALID_ROW,
    "true": INVALID_ROW,
    "null": INVALID_ROW,
    "N/A": INVALID_ROW,
    "1e": INVALID_ROW,
    "--1": INVALID_ROW,
    "1 2": INVALID_ROW,
    "1\u0000": INVALID_ROW,
}


def rows(column: NumericColumn) -> list[Read]:
    """Write a column as doubles and words."""
    state = np.zeros(len(column), np.uint8) if column.state is None else column.state
    words = {NULL: NULL_ROW, INVALID: INVALID_ROW}
    return [words.get(s, v) for v, s in zip(column.values.tolist(), state.tolist(), strict=True)]


def same(one: list[Read], other: list[Read]) -> bool:
    """Compare, NaN being itself."""
    return list(map(repr, one)) == list(map(repr, other))


@pytest.mark.parametrize(("text", "read"), STRINGS.items())
def test_strings(text: str, read: Read) -> None:
    """Each form of number is read and each near miss is invalid, alone in its column."""
    assert same(rows(numeric([text])), [read])


def test_strings_together() -> None:
    """Invalid strings cost their neighbours nothing, whichever container they come in."""
    texts: list[str | None] = [*STRINGS, None]
    read: list[Read] = [*STRINGS.values(), NULL_ROW]
    arrays = [pa.array(texts, kind) for kind in (pa.string(), pa.large_string(), pa.string_view(), pa.binary())]
    columns = [
        *arrays,
        pa.array(texts).dictionary_encode(),
        pa.chunked_array([arrays[0], arrays[0]])[: len(texts)],
    ]
    assert all(same(rows(numeric(column)), read) for column in (texts, *columns))


def test_text_booleans() -> None:
    """In CSV true and false in any case are 1 and 0."""
    cells = pa.array(["true", "FALSE", " True ", "yes", None, "2"])
    assert rows(numeric(cells, text=True)) == [1.0, 0.0, 1.0, INVALID_ROW, NULL_ROW, 2.0]


def test_json_values() -> None:
    """Every JSON type has its place: numbers and booleans count, null is null, the rest is invalid."""
    raw: list[object] = [
        1,
        2.5,
        True,
        False,
        None,
        "7",
        "x",
        [1],
        {"a": 1},
        math.nan,
        -math.inf,
        10**400,
        -(10**400),
        2**53 + 1,
    ]
    read: list[Read] = [1.0, 2.5, 1.0, 0.0, NULL_ROW, 7.0, INVALID_ROW, INVALID_ROW, INVALID_ROW, math.nan, -math.inf]
    assert same(rows(numeric(raw)), [*read, math.inf, -math.inf, 2.0**53])


@pytest.mark.parametrize(
    "raw",
    [[1, 2, 3], [1.0, 2.0, 3.0], [True, 2, 3.0], [1, 10**400], [1, None, 2.0], [2**64, None], [None, None], []],
)
def test_plain_lists(raw: list[float | None]) -> None:
    """Lists of numbers and nulls are read alike on every fast path."""
    want = [NULL_ROW if value is None else math.inf if value == 10**400 else float(value) for value in raw]
    assert same(rows(numeric(raw)), want)


@pytest.mark.parametrize(
    ("array", "read"),
    [
        (pa.array([1.5, None, math.nan]), [1.5, NULL_ROW, math.nan]),
        (pa.array([2**64 - 1, None], pa.uint64()), [2.0**64, NULL_ROW]),
        (pa.array([-128, 127], pa.int8()), [-128.0, 127.0]),
        (pa.array([True, None, False]), [1.0, NULL_ROW, 0.0]),
        (pa.array(np.array([0.5, np.inf], np.float16)), [0.5, math.inf]),
        (pa.array([Decimal("1.25"), None], pa.decimal128(30, 2)), [1.25, NULL_ROW]),
        (pa.array([Decimal(-3)], pa.decimal256(50, 2)), [-3.0]),
        (pa.array([0, None], pa.timestamp("us")), [INVALID_ROW, NULL_ROW]),
        (pa.array([0, None], pa.date32()), [INVALID_ROW, NULL_ROW]),
        (pa.array([[1], None]), [INVALID_ROW, NULL_ROW]),
        (pa.array([{"a": 1}]), [INVALID_ROW]),
        (pa.nulls(2), [NULL_ROW, NULL_ROW]),
        (pa.array([1, None, 1]).dictionary_encode(), [1.0, NULL_ROW, 1.0]),
        (pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array([4, None])), [4.0, 4.0, NULL_ROW]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_arrow_types(array: pa.Array, read: list[Read]) -> None:
    """Arrow's numbers of every width are doubles; times and nested values are invalid."""
    assert same(rows(numeric(array)), read)


@pytest.mark.parametrize("scale", [-3, 0, 1, 2, 5, 18])
def test_decimals_are_the_nearest_doubles(scale: int) -> None:
    """A decimal is the double that its text is in any other format, to the last bit."""
    given = [Decimal(n * 7919).scaleb(-scale) for n in range(-500, 500)]
    read: list[Read] = [float(value) for value in given]
    for kind in (pa.decimal128(38, scale), pa.decimal256(70, scale)):
        assert same(rows(numeric(pa.array(given, kind))), read)


def test_share() -> None:
    """Kind inference counts numbers, numeric strings and booleans among what is not null."""
    assert numeric_share([1, "2", True, "x", None, math.nan]) == (4, 5)
    assert numeric_share([1.0, 2.0]) == (2, 2)
    assert numeric_share(pa.array(["true", None, "x"]), text=True) == (1, 2)


SLOW_NUMBER = re.compile(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)


def slow(text: str) -> Read:
    """Read a numeric string by the letter of the rule, with decimals."""
    bare = text.strip(" \t\r\n\f\v")
    word = bare.lstrip("+-").lower()
    if len(bare) - len(word) <= 1 and word in {"nan", "inf", "infinity"}:
        return math.nan if word == "nan" else -math.inf if bare.startswith("-") else math.inf
    return float(Decimal(bare)) if SLOW_NUMBER.fullmatch(bare) else INVALID_ROW


near_numbers = st.text("0123456789+-.eE_ xnaif\t", max_size=12) | st.floats().map(repr) | st.integers().map(str)


@given(st.lists(near_numbers | st.none(), max_size=20))
def test_against_decimals(texts: list[str | None]) -> None:
    """The fast reader agrees with a slow one on whatever looks like numbers."""
    want = [NULL_ROW if text is None else slow(text) for text in texts]
    assert same(rows(numeric(list(texts))), want)
    assert same(rows(numeric(pa.array(texts, pa.string()))), want)


@given(st.lists(st.none() | st.booleans() | st.integers() | st.floats() | near_numbers | st.just([]), max_size=20))
def test_any_json_list(raw: list[object]) -> None:
    """A list reads as its values do one by one."""
    assert same(rows(numeric(list(raw))), [rows(numeric([value]))[0] for value in raw])
    column = numeric(list(raw))
    states = np.zeros(len(raw)) if column.state is None else column.state
    assert set(states.tolist()) <= {VALUE, NULL, INVALID}
