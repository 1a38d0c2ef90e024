"""The decoder against a slow reader of JSON text: Python's own parser, every number kept as a Decimal."""

import json
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.errors import BadRequest
from app.wire import jsoncolumns, structs
from app.wire.decode import decode
from wire.senders.peers import numbers, words

EXACT_DIGITS: Final = 4300
NAMES: Final = ("x", "y")
SPELLED: Final = st.one_of(
    st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.from_regex(r"[-+]?[0-9]{0,3}\.?[0-9]{0,2}[eE]?[-+]?[0-9]{0,2}", fullmatch=True),
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(json.dumps),
    st.sampled_from(
        [
            "NaN", "Infinity", "-Infinity", "-NaN", "nan", "null", "true", "false", "nul", "True", "1e400", "-1e400",
            "-0", "-0.0", "0e-999", "1e-400", "4.9e-324", "2.2250738585072011e-308", "9007199254740993", "9" * 400,
            "9" * 5000, "-" + "9" * 4300, "1" + "0" * 308, "1.7976931348623159e308", "0.1e1", "100E-2", "01",
            "1.", "0x1",
        ]
    ),
)  # fmt: skip
TEXTS: Final = st.one_of(
    st.text(max_size=6).map(json.dumps),
    st.text('ab\\u"\ud83d\ude00/', max_size=8).map(lambda text: '"' + text + '"'),
    st.sampled_from(
        [
            '"\\ud800"', '"\\ud83d\\ude00"', '"\\udc00\\ud800"', '" 12.5 "', '"1e999"', '"1_000"', '"NaN"', '"+inf"',
            '"0x10"', '"1,5"', '"\uff11"', '""', '"\\u0000"', '"-0"', '".5"', '"5."', '"infinit"', '"\\u0031"',
            '"1e5 x"',
        ]
    ),
)  # fmt: skip
VALUES: Final = st.one_of(SPELLED, TEXTS, st.sampled_from(["[]", "{}", "[1]", '{"x":1}', "[1,]", '{"a":[NaN]}']))
ROW: Final = st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=3).map(
    lambda pairs: "{" + ",".join(f'"{name}":{value}' for name, value in pairs) + "}"
)
BODIES: Final = st.one_of(
    st.lists(ROW, min_size=1, max_size=5).map(lambda rows: "[" + ",".join(rows) + "]"),
    st.lists(ROW, min_size=1, max_size=5).map(lambda rows: '{"rows":[' + ", ".join(rows) + "]}"),
    st.lists(VALUES, min_size=1, max_size=6).map(lambda values: '{"columns":{"x":[' + ",".join(values) + "]}}"),
)


@pytest.fixture(autouse=True, scope="module")
def small_bodies_too() -> Iterator[None]:
    """Let the quick readers take bodies of any size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsoncolumns, "SMALLEST", 0)
        patch.setattr(structs, "SMALLEST", 0)
        yield


def whole(digits: str) -> int | Decimal:
    """An integer with all its digits, as long as Python reads them."""
    return int(digits) if len(digits.lstrip("-")) <= EXACT_DIGITS else Decimal(digits)


def slow_rows(body: bytes) -> list[dict[str, Any]] | None:
    """The rows of a body; None when it is no JSON."""
    try:
        value = json.loads(body.decode(), parse_float=Decimal, parse_int=whole)
    except ValueError:
        return None
    if isinstance(value, dict):
        return value["rows"] if "rows" in value else [{"x": one} for one in value["columns"]["x"]]
    rows: list[dict[str, Any]] = value
    return rows


def slow_number(value: object) -> object:
    """What a value is to a numeric feature: a float, the name of what is none, "invalid" or None."""
    if isinstance(value, str):
        value = slow_spelling(value.strip(" \t\r\n"))
    if isinstance(value, bool | int | float | Decimal):
        try:
            double = float(value)
        except OverflowError:
            double = math.inf if value > 0 else -math.inf
        return double if math.isfinite(double) else str(double)
    return None if value is None else "invalid"


def slow_spelling(word: str) -> Decimal | float | list[object]:
    """The number that a text spells; a list where it spells none."""
    bare = word.lower()
    if bare.lstrip("+-") in {"nan", "inf", "infinity"} and len(bare) - len(bare.lstrip("+-")) <= 1:
        return float(bare)
    if not word or not set(word) <= set("0123456789+-.eE"):
        return []
    try:
        return Decimal(word)
    except ArithmeticError:
        return []


def slow_word(value: object) -> object:
    """What a value is to a categorical feature: a text, "invalid" or None."""
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case float() | Decimal():
            double = float(value)
            if math.isfinite(double):
                return repr(double + 0.0).removesuffix(".0")  # so that -0.0 is 0
            return None if math.isnan(double) else "Infinity" if double > 0 else "-Infinity"
        case str():
            return "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in value)
        case _:
            return None if value is None else "invalid"


@settings(max_examples=250, deadline=None)
@given(BODIES)
@example('{"rows":[{"x":-0},{"x":-0.0},{"x":"-0"}]}')
@example('{"columns":{"x":[1,NaN,null,"NaN",1e400,-Infinity]}}')
@example('[{"x":1,"x":2},{"y":' + "9" * 5000 + "}]")
def test_the_same_or_nothing(text: str) -> None:
    """Both read the same values, as numbers and as categories, or both refuse."""
    body = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()
    rows = slow_rows(body)
    try:
        table = decode(body, "application/json")
    except BadRequest:
        assert rows is None
        return
    assert rows is not None
    assert table.rows == table.received == len(rows)
    assert set(table.columns) == {name for row in rows for name in row} or not rows
    for name in table.columns:
        values = [row.get(name) for row in rows]
        assert numbers(table.columns[name]) == [slow_number(value) for value in values], name
        assert words(table.columns[name]) == [slow_word(value) for value in values], name
