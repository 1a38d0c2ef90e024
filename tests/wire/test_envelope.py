"""Rows out of their envelopes, values worked by hand."""

import datetime as dt
import io
import json
import random
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgpack
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drift.columns import NULL, NULL_CODE
from app.errors import TooLarge
from app.wire.decode import decode
from app.wire.envelope import opened
from app.wire.table import Table
from app.wire.values import categorical
from app.wire.wrapping import Opening
from wire import likeness, writers
from wire.test_hostile import resident

PLAIN = Opening((), "timestamp", None, frozenset({"x", "score"}), "score")
WRAPPED = replace(PLAIN, keys=("log", "message"), version_column="arm")
NOON = 1795195529.25


def table(rows: object, opening: Opening) -> Table:
    """The opened rows of a body."""
    return opened(decode(json.dumps(rows).encode(), "application/json", lone=True), opening)


def columns(rows: object, opening: Opening) -> dict[str, Any]:
    """Every column of the opened rows."""
    found = table(rows, opening)
    return {name: list(found.columns[name]) for name in found.columns}


def test_plain_rows_are_left_alone() -> None:
    """A table without envelopes is the same table."""
    given = decode(b'[{"x":1,"timestamp":5}]', "application/json")
    assert opened(given, WRAPPED) is given


def test_objects_and_strings() -> None:
    """An envelope's value is the row, an object or a string that holds one, however deep; blanks do no harm."""
    inner = {"x": 1}
    rows = [
        {"log": inner, "host": "a"},
        {"message": ' {"x": 2}\n'},
        {"log": json.dumps({"message": {"x": 3}})},
        {"x": 4},
    ]
    assert columns(rows, WRAPPED) == {"x": [1, 2, 3, 4]}


def test_the_first_key_that_holds_an_object() -> None:
    """A line of text beside the object does no harm; NaN inside a string is a number."""
    assert str(columns([{"log": "served", "message": '{"x": NaN}'}, {"log": None, "x": 2}], WRAPPED)["x"]) == "[nan, 2]"


def test_noise_is_refused() -> None:
    """A line that holds no object is no row; the others keep their numbers."""
    found = table([{"log": "started"}, {"log": {"x": 1}}, 7, {"log": "{broken"}, {"log": [1]}], WRAPPED)
    assert (found.rows, found.received) == (1, 5)
    assert [(one.row, one.reason) for one in found.rejections] == [(n, "not an object") for n in (0, 2, 3, 4)]
    assert found.numbers is not None
    assert found.numbers.tolist() == [1]


def test_what_steers_may_stand_outside() -> None:
    """Time and version outside hold where there are none inside."""
    rows = [
        {"timestamp": 5, "arm": "a", "log": {"x": 1}},
        {"timestamp": 5, "arm": "a", "log": {"timestamp": 6, "arm": "b"}},
    ]
    assert columns(rows, WRAPPED) == {"x": [1, None], "timestamp": [5, 6], "arm": ["a", "b"]}


def test_parts_unfold() -> None:
    """Objects of features and predictions are lifted into the row, whatever rows stand beside them."""
    rows = [
        {"model": "m", "features": {"x": 1}, "prediction": {"score": 0.5}},
        {"features": None, "x": 2, "prediction": None},
    ]
    assert columns(rows, PLAIN) == {"model": ["m", None], "x": [1, 2], "score": [0.5, None]}


def test_a_lone_prediction() -> None:
    """A prediction that is one value is the model's only prediction feature, unless that is there."""
    assert columns([{"x": 1, "prediction": 0.5}], PLAIN) == {"x": [1], "score": [0.5]}
    assert columns([{"score": 1, "prediction": 0.5}, {"prediction": 2}], PLAIN) == {"score": [1, 2]}
    assert columns([{"prediction": 0.5}], replace(PLAIN, prediction=None)) == {"prediction": [0.5]}


def test_dates() -> None:
    """Fluent Bit's date is the time where the model's column has none; another date is somebody's column."""
    assert columns([{"date": NOON, "x": 1}], PLAIN) == {"x": [1], "timestamp": [NOON]}
    assert columns([{"date": NOON}, {"timestamp": 5, "date": NOON}], PLAIN) == {"timestamp": [NOON, 5]}
    assert columns([{"date": "2026-11-20"}, {"date": 20261120}], PLAIN) == {"timestamp": [None, None]}
    assert columns([{"date": NOON}], replace(PLAIN, features=frozenset({"date"}))) == {"date": [NOON]}
    assert columns([{"date": NOON}], replace(PLAIN, time_column="date")) == {"date": [NOON]}
    assert columns([{"date": NOON, "log": {"x": 1}}], WRAPPED) == {"x": [1], "timestamp": [NOON]}


def test_one_object_is_one_row() -> None:
    """A log shipper sends one record without brackets."""
    assert columns({"date": NOON, "features": {"x": 1}}, PLAIN) == {"x": [1], "timestamp": [NOON]}


def test_long_integers_keep_their_digits() -> None:
    """A category of thirty digits inside an envelope is read to the last of them."""
    body = b'[{"log":{"x":123456789012345678901234567890}},{"log":"{\\"x\\":123456789012345678901234567891}"}]'
    found = opened(decode(body, "application/json"), WRAPPED).columns["x"]
    assert isinstance(found, list)
    assert categorical(found).categories == ("123456789012345678901234567890", "123456789012345678901234567891")


def test_what_is_no_log() -> None:
    """In training data a date and a prediction are columns like others; an entry's own time is always one."""
    body = json.dumps([{"date": NOON, "prediction": 1, "features": {"x": 1}}]).encode()
    found = opened(decode(body, "application/json"), PLAIN, logged=False)
    assert {name: list(found.columns[name]) for name in found.columns} == {"date": [NOON], "prediction": [1], "x": [1]}
    packed = opened(decode(msgpack.packb([NOON, {"x": 1}]), "application/msgpack"), PLAIN, logged=False)
    assert list(packed.columns) == ["x", "timestamp"]


@pytest.mark.parametrize("seed", range(30))
def test_lines_in_strings(seed: int) -> None:
    """Strings that are read all at once give what they give one by one, noise and times outside included."""
    dice = random.Random(seed)
    texts = [
        '{"x": 1.5}',
        ' {"x": 2, "timestamp": 7}\n',
        "noise",
        '{"c": "ü", "x": NaN}',
        '{"features": {"x": 3}}',
        "[1]",
        '{"x":',
    ]
    chosen = dice.choices(texts, k=40) if seed % 3 else ['{"x": 1.5, "c": "a"}'] * 1000
    outside: list[Any] = [{"timestamp": NOON + n, "log": text} for n, text in enumerate(chosen)]
    for row in dice.sample(outside, 5) if seed % 2 else ():
        del row["timestamp"]
    if seed % 5 == 0:
        outside.insert(7, "no object")
    apart = [dict(row) | {"message": None} if isinstance(row, dict) else row for row in outside]
    quick, slow = table(outside, WRAPPED), table(apart, WRAPPED)
    assert (quick.rows, quick.received, quick.rejections) == (slow.rows, slow.received, slow.rejections)
    assert str(quick.numbers) == str(slow.numbers)
    assert quick.columns.keys() == slow.columns.keys()
    assert all(str(list(quick.columns[name])) == str(list(slow.columns[name])) for name in slow.columns)


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "timestamp": st.none() | st.just(5),
            "x": st.none() | st.floats(allow_nan=False),
            "features": st.none()
            | st.fixed_dictionaries(
                {"x": st.none() | st.floats(allow_nan=False), "c": st.none() | st.sampled_from("ab")}
            ),
            "log": st.sampled_from([None, "noise", '{"x": 1.5, "c": "a"}', '{"features": {"x": 2}, "arm": "b"}']),
            "prediction": st.none() | st.floats(0, 1),
            "date": st.none() | st.just(NOON),
        }
    ),
    min_size=1,
    max_size=9,
)
KINDS = pa.schema(
    [
        ("timestamp", pa.int64()),
        ("x", pa.float64()),
        ("features", pa.struct([("x", pa.float64()), ("c", pa.string())])),
        ("log", pa.string()),
        ("prediction", pa.float64()),
        ("date", pa.float64()),
    ]
)


@given(ROWS, st.sampled_from([PLAIN, WRAPPED]), st.sets(st.sampled_from([*KINDS.names]), max_size=4))
def test_every_format(rows: list[dict[str, Any]], opening: Opening, missing: set[str]) -> None:
    """Envelopes, parts, dates and lone predictions are opened alike in every format."""
    rows = [{name: row[name] for name in KINDS.names if name not in missing} for row in rows]
    kinds = pa.schema([kind for kind in KINDS if kind.name not in missing])
    arrow = pa.Table.from_pylist(rows, kinds)
    columns = {name: arrow[name].to_pylist() for name in kinds.names}
    expected = _counted(writers.bare_json(columns), opening)
    assert _counted(writers.columns_json(columns), opening) == expected
    assert _counted(writers.arrow_stream({name: arrow[name] for name in kinds.names}), opening) == expected
    assert _counted(writers.parquet({name: arrow[name] for name in kinds.names}), opening) == expected
    if "features" not in columns and len(columns) > 1:
        assert _counted(writers.csv_text(columns), opening) == expected


def _counted(body: bytes, opening: Opening) -> dict[str, list[object]]:
    """What counts of an opened body: columns that hold anything, and which rows were refused."""
    found = opened(decode(body, "text/csv" if body[:1] not in b"{[A\xff" and body[:3] != b"PAR" else None), opening)
    counted: dict[str, list[object]] = {"rows": [found.rows, found.received, found.rejections]}
    for name in {"x", "score", "timestamp", "c", "arm"} & found.columns.keys():
        values, states, words = likeness.counted(found.columns[name])
        if name in {"c", "arm"}:
            counted[name] = [words]
        else:  # CSV writes numbers as Python does, which is no way to spell a category
            counted[name] = [values, states]
    nothing = [[np.zeros(found.rows).tobytes(), [NULL] * found.rows], [[NULL_CODE] * found.rows]]
    return {name: column for name, column in counted.items() if column not in nothing}


def test_an_object_in_a_cell() -> None:
    """A cell of CSV may hold the row, quoted as CSV wants it."""
    body = b'host,log\na,"{""x"": 1, ""c"": ""true""}"\nb,started\n'
    found = opened(decode(body, "text/csv"), WRAPPED)
    assert {name: list(found.columns[name]) for name in found.columns} == {"x": [1], "c": ["true"]}
    assert [(one.row, one.reason) for one in found.rejections] == [(1, "not an object")]


def test_fields_of_structs_stay_columns() -> None:
    """Structs of features become columns as they are, with their types, and numbers beside them stay together."""
    table = pa.table({"features": [{"t": dt.date(2026, 11, 20), "y": 1}], "x": [0.5], "prediction": [0.25]})
    found = opened(decode(writers.arrow_stream(dict(zip(table.column_names, table.columns, strict=True))), None), PLAIN)
    columns: dict[str, Any] = dict(found.columns)
    assert {name: str(column.type) for name, column in columns.items()} == {
        "t": "date32[day]",
        "y": "int64",
        "x": "double",
        "score": "double",
    }
    assert found.block is None or found.block.places.keys() == {"x"}


def stream(columns: dict[str, Any], *, compression: str | None = None) -> bytes:
    """An Arrow stream of one batch."""
    batch, sink = pa.record_batch(columns), io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


@pytest.mark.parametrize("opening", [PLAIN, WRAPPED])
@pytest.mark.parametrize("name", ["features", "prediction", "date", "score", "timestamp", "log"])
def test_odd_makes_inside_of_structs(name: str, opening: Opening) -> None:
    """Unions and runs inside of structs with nulls neither end the process nor lose those nulls."""
    union = pa.UnionArray.from_sparse(
        pa.array([0, 1, 0], pa.int8()), [pa.array([1.0, 2, 3]), pa.array(["a", "b", "c"])]
    )
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array([1, None]))
    inside = pa.StructArray.from_arrays([union, runs], names=["u", "x"], mask=pa.array([False, True, False]))
    body = stream({name: inside, "x": pa.nulls(3)} | ({"prediction": pa.array([1.0] * 3)} if name == "score" else {}))
    found = opened(decode(body, None), opening)
    if name in {"features", "prediction"} or (name == "log" and opening is WRAPPED):
        assert likeness.counted(found.columns["x"]) == likeness.counted([1, None, None])
        assert likeness.counted(found.columns["u"]) == likeness.counted([{}, None, {}])


@pytest.mark.parametrize("name", ["date", "score", "timestamp", "features", "log"])
@pytest.mark.parametrize("kind", ["map", "days", "decimals"])
def test_little_that_stands_for_much(name: str, kind: str) -> None:
    """A few bytes that would be millions of objects are refused, or read without making those."""
    held: Any = pa.nulls(3_000_000).cast(pa.decimal32(5, 2))
    if kind == "map":
        keys, offsets = pa.array(np.zeros(20_000_000, np.bool_)), pa.array([0, 20_000_000], pa.int32())
        held = pa.MapArray.from_arrays(offsets, keys, pa.nulls(20_000_000))
    elif kind == "days":
        held = pa.DictionaryArray.from_arrays(pa.array(np.zeros(3_000_000, np.int8)), pa.array([dt.date(2026, 1, 1)]))
    body = stream({name: held, "prediction": pa.nulls(len(held), pa.float64())}, compression="zstd")
    assert len(body) < 40_000
    given = decode(body, None, limit=1 << 28)
    before, found = resident(), None
    with suppress(TooLarge):
        found = opened(given, WRAPPED)
    assert resident() - before < 100 << 20, found


def test_names_that_are_no_text() -> None:
    """A field inside a struct whose name is no UTF-8 is nobody's; the others count, beside and in an envelope."""
    inside = [{"abcdefg": 1.0, "x": 2.0}, {"abcdefg": 1.0, "x": None}]
    for name, opening in (("features", PLAIN), ("features", WRAPPED), ("log", WRAPPED), ("p", WRAPPED)):
        held = {name: inside} | ({"log": ['{"x": 2}', "{}"]} if name == "p" else {})
        body = stream(held).replace(b"abcdefg", b"\xff\xfe\x80defg")
        assert likeness.counted(opened(decode(body, None), opening).columns["x"]) == likeness.counted([2.0, None])


def test_text_inside_that_is_no_text() -> None:
    """A cell inside a struct that is no UTF-8 costs itself, in whichever batch of a stream it stands."""
    parts = [pa.record_batch({"features": pa.array([{"c": word, "x": 1}, None])}) for word in ("good", "abcd")]
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, parts[0].schema) as writer:
        for part in parts:
            writer.write_batch(part)
    found = opened(decode(sink.getvalue().replace(b"abcd", b"\xff\xfebc"), None), PLAIN)
    assert categorical(found.columns["c"]).categories == ("good", "\ufffd\ufffdbc")
    assert likeness.counted(found.columns["x"]) == likeness.counted([1, None, 1, None])


def test_the_later_part_holds() -> None:
    """Of a name in both parts the one that comes last in the row counts, in rows and in columns."""
    rows = [{"prediction": {"x": 1}, "features": {"x": 2}}]
    assert columns(rows, PLAIN) == {"x": [2]}
    found = opened(decode(stream({name: [part] for name, part in rows[0].items()}), None), PLAIN)
    assert likeness.counted(found.columns["x"]) == likeness.counted([2])


def test_booleans_of_csv_fill_a_column() -> None:
    """A lone prediction in CSV is the boolean that it says, beside a column of the model's name, too."""
    found = opened(decode(b"score,prediction\n,TRUE\n,False\n7,true\n", "text/csv"), PLAIN)
    assert categorical(found.columns["score"], text=True).categories == ("true", "false", "7")


def test_too_many_fields() -> None:
    """Fields of structs are columns like others, and as many may be named."""
    inside = pa.StructArray.from_arrays([pa.array([1])] * 66_000, names=[f"f{n}" for n in range(66_000)])
    with pytest.raises(TooLarge):
        opened(decode(stream({"features": inside}), None), PLAIN)
