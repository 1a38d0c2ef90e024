"""OTLP exports against the protobuf library: what it writes is what is read."""

import json
import math
import random
import tracemalloc
from http import HTTPStatus
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from app.errors import BadRequest, TooLarge
from app.wire.bentoml import Bento, bento_of, strangers
from app.wire.otlp import Logs, logs_of_protobuf
from app.wire.otlpanswers import exported, failed
from app.wire.otlpjson import MAX_CONTAINERS, logs_of_json
from app.wire.otlpvalues import DEPTH, Row
from app.wire.wrapping import STAMP
from wire.otlpmade import export, record

SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=200)
)
MAPS = st.dictionaries(
    st.text(max_size=150), SCALARS | st.dictionaries(st.text(max_size=3), SCALARS, max_size=3), max_size=6
)
NOON = 1_795_195_529_123_456_789


def read(body: bytes, most: int = 1000) -> list[Logs]:
    """Read an export in protobuf."""
    return logs_of_protobuf(body, most=most)


def rows(body: bytes) -> list[Row | None]:
    """The rows of an export of one resource."""
    (logs,) = read(body)
    return logs.rows


@given(MAPS.filter(bool), MAPS)
def test_protobuf(attributes: dict[str, Any], body: dict[str, Any]) -> None:
    """Attributes and body make one row; the body holds where both name something."""
    made = export(({"service.name": "m", "service.version": "7"}, [record(attributes, body=body, time=NOON)]))
    expected = attributes | body | {STAMP: NOON // 1000}
    assert read(made.SerializeToString()) == [Logs("m", "7", [expected])]


CHOICES: dict[str, list[Any]] = {
    "d": [1.5, -0.0, math.inf, 1e300],
    "i": [0, 1, 127, 128, 300, -1, 2**63 - 1, -(2**63)],
    "b": [True, False],
    "t": ["Oslo", "Rome", "Ås", "", "a much longer name", "x" * 200],
    "m": [{"a": 1}, {"a": 2}, {}],
    "n": [None],
    "l": [[], [1]],
}


@pytest.mark.parametrize("seed", range(40))
def test_records_alike(seed: int) -> None:
    """Records of one layout, which are read together, and strangers among them come back in their order."""
    dice = random.Random(seed)
    names = dice.sample(list(CHOICES), dice.randint(1, 7))
    maps = [{name: dice.choice(CHOICES[name]) for name in names} for _ in range(60)]
    for place in dice.sample(range(60), 10):
        maps[place] = {"odd" * dice.randint(1, 3): dice.choice(CHOICES["i"])}
    times = [dice.choice([0, 5000, NOON]) for _ in maps]
    bodies = dice.random() < 0.5
    made = [
        record(None if bodies else one, body=one if bodies else None, time=at)
        for one, at in zip(maps, times, strict=True)
    ]
    values = [{name: [] if name == "l" else value for name, value in one.items()} for one in maps]
    expected = [one | ({STAMP: at // 1000} if at else {}) for one, at in zip(values, times, strict=True)]
    assert rows(export(({}, made)).SerializeToString()) == expected


def test_layouts_of_many_records() -> None:
    """Attributes beside bodies, other severities, traces and texts of one length do not mislead the layout."""
    made = []
    for n in range(500):
        one = record(
            {"x": n / 7, "c": f"{n % 10}é", "k": n}, body={"x": float(n), "s": n % 3 == 0}, time=NOON + n, observed=1
        )
        one.severity_text = str(n % 3)
        one.trace_id, one.span_id = n.to_bytes(16, "big"), n.to_bytes(8, "big")
        made.append(one)
    expected = [
        {"x": float(n), "c": f"{n % 10}é", "k": n, "s": n % 3 == 0, STAMP: (NOON + n) // 1000} for n in range(500)
    ]
    assert rows(export(({}, made)).SerializeToString()) == expected


@given(st.lists(MAPS.filter(bool), max_size=4))
def test_json(maps: list[dict[str, Any]]) -> None:
    """JSON says the same as protobuf, integers as text aside."""
    made = export(({"service.name": "m"}, [record(one, time=NOON) for one in maps]))
    (logs,) = logs_of_json(MessageToJson(made).encode(), most=1000)

    def texts(held: Any) -> Any:
        if isinstance(held, dict):
            return {key: texts(one) for key, one in held.items()}
        return str(held) if isinstance(held, int) and not isinstance(held, bool) else held

    assert (logs.service, logs.version) == ("m", None)
    assert [dict(row or {}) for row in logs.rows] == [texts(one) | {STAMP: NOON // 1000} for one in maps]


@pytest.mark.parametrize("as_json", [False, True])
def test_special_values(as_json: bool) -> None:  # noqa: FBT001 - a case
    """NaN and infinities are numbers; arrays and bytes are no values; nothing is null."""
    held = {"a": math.nan, "b": math.inf, "c": -math.inf, "d": [1, 2], "e": b"x", "f": None}
    made = export(({}, [record(held)]))
    body = MessageToJson(made).encode() if as_json else made.SerializeToString()
    (logs,) = (logs_of_json if as_json else logs_of_protobuf)(body, most=1)
    assert str(logs.rows) == "[{'a': nan, 'b': inf, 'c': -inf, 'd': [], 'e': [], 'f': None}]"


def test_times() -> None:
    """The time of the event, else of its observation, else none."""
    made = export(({}, [record({"x": 1}, time=5000, observed=9000), record({"x": 1}, observed=9000), record({"x": 1})]))
    for logs in (read(made.SerializeToString()), logs_of_json(MessageToJson(made).encode(), most=9)):
        assert [(row or {}).get(STAMP) for row in logs[0].rows] == [5, 9, None]


def test_bodies() -> None:
    """A string that holds an object is one; a line of text beside attributes does no harm, alone it is no row."""
    made = [record(body='{"x": 1}'), record({"x": 2}, body="served"), record(body="served"), record()]
    assert rows(export(({}, made)).SerializeToString()) == [{"x": 1}, {"x": 2}, None, None]


def test_resources_apart() -> None:
    """Each resource keeps its records; a resource may stand behind them."""
    named = [({"service.name": name, "service.version": 3}, [record({"x": n})]) for n, name in enumerate("ab")]
    assert [(one.service, one.version) for one in read(export(*named).SerializeToString())] == [("a", "3"), ("b", "3")]
    parts = [export(({"service.name": "m"}, [])), export(({}, [record({"x": 1})]))]
    resource, scope = (one.resource_logs[0].SerializeToString() for one in parts)
    whole = scope.removeprefix(b"\n\0") + resource
    assert read(b"\x0a" + bytes([len(whole)]) + whole)[0].service == "m"


def test_a_broken_string_costs_itself() -> None:
    """A string or a key that is no UTF-8 is replaced, unknown fields are passed over."""
    body = export(({}, [record({"x": "ab", "y": 1.5})])).SerializeToString().replace(b"ab", b"\xff\xfe")
    assert rows(body) == [{"x": "\ufffd\ufffd", "y": 1.5}]
    future = b"\xfa\x01\x02hi\xf8\x01\x05\xf5\x01abcd\xf1\x01abcdefgh"
    assert read(body + future) == read(body)


@given(st.binary(max_size=80))
def test_any_bytes(body: bytes) -> None:
    """Any bytes are an export or undecodable, never a crash."""
    for reader in (logs_of_protobuf, logs_of_json):
        try:
            reader(body, most=10)
        except (BadRequest, TooLarge):
            continue


@given(st.data())
def test_truncation(data: st.DataObject) -> None:
    """An export that is cut inside a field is refused."""
    body = export(({"service.name": "m"}, [record({"x": 1.5, "c": "red"}, time=NOON)])).SerializeToString()
    with pytest.raises(BadRequest):
        read(body[: data.draw(st.integers(1, len(body) - 1))])


def test_what_is_no_object_costs_no_record() -> None:
    """Nulls and numbers among resources and scopes hold no record, those beside them do."""
    resource = b'{"scopeLogs":[7,{"logRecords":[{"body":{"stringValue":"a"}}]}]}'
    (logs,) = logs_of_json(b'{"resourceLogs":[3,null,' + resource + b"]}", most=9)
    assert len(logs.rows) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"7",
        b'{"resourceLogs":{}}',
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":1}]}]}',
        b"{",
    ],
)
def test_no_export(body: bytes) -> None:
    """JSON of another shape is refused as a whole."""
    with pytest.raises(BadRequest):
        logs_of_json(body, most=1)


def test_odd_json() -> None:
    """Odd records, pairs and values cost themselves alone."""
    odd = [
        5,
        {
            "attributes": [
                {"key": "x", "value": {"intValue": "7"}},
                3,
                {"key": 4},
                {"key": "y"},
                {"key": "z", "value": 9},
            ]
        },
        {
            "body": {"kvlistValue": {"values": [{"key": "x", "value": {"newValue": 1, "doubleValue": "NaN"}}]}},
            "timeUnixNano": "soon",
        },
        {"body": {"kvlistValue": 3}, "attributes": 8},
    ]
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": odd}]}], "new": 1}).encode()
    (logs,) = logs_of_json(body, most=4)
    expected = "[None, {'x': '7', 'y': None, 'z': None}, {'x': nan, '\\x00time': 'soon'}, {}]"
    assert str(logs.rows) == expected


def test_bounds() -> None:
    """Records, names and maps are counted before they become memory; deep maps end."""
    many = export(({}, [record({"x": 1})] * 11)).SerializeToString()
    with pytest.raises(TooLarge):
        read(many, most=10)
    with pytest.raises(TooLarge):
        logs_of_json(b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{}]}]}]}', most=1)
    with pytest.raises(TooLarge):
        read(export(({}, [record({str(n): 1 for n in range(70_000)})])).SerializeToString())
    with pytest.raises(TooLarge):
        read(b"\x0a\0" * 1001)
    with pytest.raises(TooLarge):
        logs_of_json(b'{"resourceLogs":[' + b"{}," * MAX_CONTAINERS + b"{}]}", most=1)
    deep: Any = {"x": 1}
    for _ in range(25):
        deep = {"m": deep}
    assert str(rows(export(({}, [record(deep)])).SerializeToString())).count("m") == DEPTH + 1


def test_few_bytes_stay_little_memory() -> None:
    """Empty records and empty attributes by the million end at a bound."""
    for inner in (b"\x12\0" * 4_000_000, b"\x12" + varint(8_000_000) + b"\x32\0" * 4_000_000):
        scope = b"\x12" + varint(len(inner)) + inner
        tracemalloc.start()
        with pytest.raises(TooLarge):
            read(b"\x0a" + varint(len(scope)) + scope, most=200_000)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
        tracemalloc.stop()


def varint(value: int) -> bytes:
    """A number of seven bits a byte, least first."""
    return bytes([value & 0x7F | 0x80]) + varint(value >> 7) if value > 0x7F else bytes([value])


def test_answers() -> None:
    """The library reads our answers, and a full success is empty."""
    assert exported(rejected=0, message="", as_json=False) == b""
    assert exported(rejected=0, message="", as_json=True) == b"{}"
    partial = ExportLogsServiceResponse.FromString(
        exported(rejected=300, message="ü" * 200, as_json=False)
    ).partial_success
    assert (partial.rejected_log_records, partial.error_message) == (300, "ü" * 200)
    told = {"partialSuccess": {"rejectedLogRecords": "3", "errorMessage": "no"}}
    assert json.loads(exported(rejected=3, message="no", as_json=True)) == told
    status = Status.FromString(failed(HTTPStatus.BAD_REQUEST, "no", as_json=False))
    assert (status.code, status.message) == (3, "no")
    assert json.loads(failed(HTTPStatus.SERVICE_UNAVAILABLE, "wait", as_json=True)) == {"code": 14, "message": "wait"}


def test_bentoml() -> None:
    """A monitor's description names the bento and the role of each column; a stranger finds its feature."""
    schema = {
        name: {"name": name, "role": role, "type": "numerical"}
        for name, role in (("age", "feature"), ("pred", "prediction"), ("real", "target"), ("odd", "other"))
    }
    row = {"age": 41.5, "bento_meta": {"bento_name": "credit", "schema": schema}}
    made = export(({}, [record(body=row), record(body=row | {"age": 3.0})]))
    first, second = rows(made.SerializeToString())
    assert first is not None
    assert second is not None
    assert first["bento_meta"] is second["bento_meta"]
    bento = bento_of(first)
    assert bento == Bento("credit", {"age": "feature", "pred": "prediction", "real": "outcome"})
    assert strangers(bento.roles, {"age": "feature", "score": "prediction"}) == {"pred": "score"}
    assert strangers(bento.roles, {"pred": "prediction", "score": "prediction"}) == {}
    assert strangers(bento.roles, {"one": "prediction", "two": "prediction", "weight": "feature"}) == {}
    assert bento_of({"bento_meta": 5}) is None
