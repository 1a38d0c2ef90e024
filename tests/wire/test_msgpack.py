"""MessagePack as Fluent Bit writes it, against the msgpack library and bytes from the wire."""

import struct
import tracemalloc
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadRequest, TooLarge
from app.wire.decode import Format, decode, format_of
from app.wire.msgpack import MAX_CONTAINERS, table_of_msgpack
from app.wire.wrapping import STAMP

RECORDED = bytes.fromhex("dd00000002dd00000002d700686e24631c8db078df00000000df00000001a178cb4000000000000000")
"""One event of Fluent Bit's http output: array32 and map32 heads, an event time of extension type 0."""


def moment(seconds: int, nanoseconds: int) -> msgpack.ExtType:
    """An event time."""
    return msgpack.ExtType(0, struct.pack(">II", seconds, nanoseconds))


def columns(body: bytes) -> dict[str, Any]:
    """Every column of a body."""
    table = table_of_msgpack(body)
    return {name: table.columns[name] for name in table.columns}


def test_recorded_bytes() -> None:
    """An event as it comes over the wire gives its value and its time to the nanosecond."""
    assert columns(RECORDED) == {"x": [2.0], STAMP: [1_752_048_739_479_047_800]}


@pytest.mark.parametrize("wrapped", [False, True])
def test_both_entries(wrapped: bool) -> None:  # noqa: FBT001 - a case
    """Both shapes of entries are read, in one array or back to back."""
    entries = [[[moment(5, 7), {"tag": "a"}], {"x": 1}], [1795195529.25, {"x": None}], [3, {"x": "ü"}]]
    body = msgpack.packb(entries) if wrapped else b"".join(map(msgpack.packb, entries))
    assert columns(body) == {"x": [1, None, "ü"], STAMP: [5_000_000_007, 1795195529.25, 3]}


def test_one_entry_is_no_array_of_two() -> None:
    """An entry alone, in either shape, is one row."""
    for entry in ([moment(1, 0), {"x": 1}], [[1, {}], {"x": 1}]):
        assert table_of_msgpack(msgpack.packb(entry)).rows == 1
    assert table_of_msgpack(msgpack.packb([[1, {"x": 1}], [2, {"x": 2}]])).rows == 2
    assert table_of_msgpack(msgpack.packb([{"x": 1}, {"x": 2}])).rows == 2


def test_bad_entries_are_refused_alone() -> None:
    """What is no entry costs nothing but itself; names that are no text and bytes do no harm."""
    table = table_of_msgpack(msgpack.packb([[1, {"x": 1, 3: 4}], "junk", [1, 2], None, {"x": b"a\xff"}]))
    assert (table.rows, table.received) == (2, 5)
    assert [(one.row, one.reason) for one in table.rejections] == [(n, "not an object") for n in (1, 2, 3)]
    assert list(table.columns["x"]) == [1, "a\ufffd"]


NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)


@given(st.lists(st.dictionaries(NAMES, st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1))))
def test_records_come_back(records: list[dict[str, Any]]) -> None:
    """Whatever the library packs, comes back."""
    table = table_of_msgpack(b"".join(msgpack.packb([7, record]) for record in records))
    rows = [{name: table.columns[name][n] for name in record} for n, record in enumerate(records)]
    assert rows == records
    assert table.received == len(records)


@given(st.binary(max_size=60))
def test_any_bytes(body: bytes) -> None:
    """Any bytes are rows or undecodable, never a crash."""
    try:
        table = table_of_msgpack(body)
    except BadRequest:
        return
    assert table.rows <= table.received


@pytest.mark.parametrize(
    "body", [RECORDED[:-1], b"\xc1", b"\x93" + b"\x91" * 50_000, b"\xdd\xff\xff\xff\xff", b"\x82\x90\x01"]
)
def test_undecodable(body: bytes) -> None:
    """Truncation, a byte that means nothing, endless nesting and lying lengths are refused."""
    with pytest.raises(BadRequest):
        table_of_msgpack(body)


MOST = b"\xdd" + struct.pack(">I", MAX_CONTAINERS)


@pytest.mark.parametrize(
    "body",
    [
        b"\xdd" + struct.pack(">I", 4 * MAX_CONTAINERS) + b"\x80" * (4 * MAX_CONTAINERS),
        b"\xdd" + struct.pack(">I", 4 * MAX_CONTAINERS) + b"\xc0" * (4 * MAX_CONTAINERS),
        4 * (MOST + b"\xc0" * MAX_CONTAINERS),
    ],
)
def test_few_bytes_stay_little_memory(body: bytes) -> None:
    """A body of empty maps, or of nothing at all, ends at a bound."""
    tracemalloc.start()
    with pytest.raises(TooLarge):
        table_of_msgpack(body)
    assert tracemalloc.get_traced_memory()[1] < 200 << 20
    tracemalloc.stop()


def test_bytes_decide() -> None:
    """Maps and arrays are told by their first bytes; JSON under MessagePack's name is JSON."""
    many = msgpack.packb([[1, {"x": n}] for n in range(20)])
    assert {format_of(many, word) for word in (None, "text/plain", "application/json")} == {Format.MSGPACK}
    assert format_of("ܐ,x\n1,2\n".encode(), "text/plain") is None
    assert format_of(b"\x92\x01\x80", "application/json") is Format.MSGPACK
    assert format_of(b"\x92\x01\x80", None) is Format.MSGPACK
    assert format_of(RECORDED, "application/msgpack; charset=x") is Format.MSGPACK
    assert format_of(b'[{"x":1}]', "application/msgpack") is Format.JSON
    assert decode(RECORDED, "application/x-msgpack").rows == 1


@pytest.mark.parametrize(
    ("content_type", "found"),
    [(None, "msgpack"), ("application/octet-stream", "msgpack"), ("text/plain", "msgpack"), ("image/png", None)],
)
def test_bytes_without_magic(content_type: str | None, found: str | None) -> None:
    """Bytes that could be MessagePack are taken for it unless their type says that they are something else."""
    assert format_of(b"\x89PNG\r\n", content_type) == found


def test_names_that_are_bytes() -> None:
    """Binary names are text, as binary values are."""
    table = table_of_msgpack(msgpack.packb([7, {b"x": 1, "na\u00efve".encode(): b"a"}], use_bin_type=True))
    assert {name: list(table.columns[name]) for name in ("x", "na\u00efve")} == {"x": [1], "na\u00efve": ["a"]}
