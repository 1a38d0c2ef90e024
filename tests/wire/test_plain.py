"""Streams of doubles read where they lie, against pyarrow."""

import io
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.wire.batches import BatchColumns
from app.wire.picks import packed_rows, unpacked
from app.wire.plain import PlainColumns, plain_columns
from app.wire.table import Table


def stream(batches: list[pa.RecordBatch], **options: Any) -> bytes:
    """Write batches."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batches[0].schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue()


def batch_of(values: np.ndarray[Any, Any], names: list[str] | None = None) -> pa.RecordBatch:
    """A batch of these columns."""
    return pa.RecordBatch.from_arrays(
        [pa.array(column) for column in values], names=names or [f"c{n}" for n in range(len(values))]
    )


@given(columns=st.integers(1, 40), rows=st.integers(1, 300), first=st.integers(0, 3), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_columns_are_those_of_pyarrow(columns: int, rows: int, first: int, seed: int) -> None:
    """Any bits come out as they went in, also of a part of a batch."""
    values = np.frombuffer(np.random.default_rng(seed).bytes(8 * columns * rows)).reshape(columns, rows)
    names = [f"c{n}" for n in range(columns)]
    batch = batch_of(values, names).slice(first % rows)
    found = plain_columns(stream([batch]))
    assert found is not None
    assert list(found) == names
    assert found.rows == batch.num_rows
    assert found.block.values.tobytes() == values[:, first % rows :].tobytes()
    for name in names:
        column: Any = found[name]
        assert column.to_numpy().tobytes() == batch.column(name).to_numpy().tobytes()
    assert found.taken(names[:1], np.zeros(1, np.int64)).num_rows == 1


@given(
    columns=st.integers(8, 40),
    rows=st.integers(1, 300),
    first=st.integers(0, 3),
    others=st.permutations(["time", "word", "flag", "maybe"]).map(lambda names: names[:1]),
    behind=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=80, deadline=None)
def test_doubles_beside_others(
    columns: int, rows: int, first: int, *, others: list[str], behind: bool, seed: int
) -> None:
    """A time, words, booleans or nulls beside the doubles are read by pyarrow, and the doubles where they lie."""
    rng = np.random.default_rng(seed)
    values = np.frombuffer(rng.bytes(8 * columns * rows)).reshape(columns, rows)
    kinds = {
        "time": pa.array(rng.integers(0, 2**40, rows), pa.timestamp("us", "UTC")),
        "word": pa.array([f"w{n % 7}é" for n in range(rows)]),
        "flag": pa.array(rng.random(rows) < 0.5),
        "maybe": pa.array(rng.integers(0, 9, rows), mask=rng.random(rows) < 0.5),
    }
    doubles = {f"c{n}": pa.array(column) for n, column in enumerate(values)}
    beside = {name: kinds[name] for name in others}
    batch = pa.record_batch(doubles | beside if behind else beside | doubles).slice(first % rows)
    found = plain_columns(stream([batch]))
    assert found is not None
    assert list(found) == batch.schema.names
    assert (found.rows, len(found)) == (batch.num_rows, batch.num_columns)
    assert found.block.values.tobytes() == values[:, first % rows :].tobytes()
    assert list(found.block.places) == list(doubles)
    assert found.get("absent") is None
    for name in others:
        assert pa.array(found[name]).equals(batch.column(name))
    column: Any = found["c1"]
    assert column.to_numpy().tobytes() == batch.column("c1").to_numpy().tobytes()
    assert found.kinds == [kind.id for kind in batch.schema.types]
    assert found.taken([others[0], "c0"], np.zeros(1, np.int64)).num_rows == 1
    assert found.taken(others, np.zeros(1, np.int64)).equals(batch.select(others).slice(0, 1))


@pytest.mark.parametrize("beside", [{}, {"time": pa.array([1, 2, 3])}, {"word": pa.array(["a", None, "c"])}])
def test_rows_are_sampled_as_from_a_batch_of_pyarrow(beside: dict[str, Any]) -> None:
    """A sample of plain columns holds what one of the same batch read by pyarrow holds."""
    batch = pa.record_batch({f"c{n}": pa.array([n, 0.1, np.nan], pa.float64()) for n in range(8)} | beside)
    body = stream([batch])
    found = plain_columns(body)
    assert isinstance(found, PlainColumns)
    names, rows = [*beside, "c5", "c1", "absent"], np.array([2, 0])
    tables = [
        Table(rows=3, columns=columns, received=3) for columns in (found, BatchColumns(batch, batch.schema.names))
    ]
    plain, other = (sorted(unpacked(packed_rows(table, names, rows, bare=["c1"])).columns.items()) for table in tables)
    assert str(plain) == str(other)


def test_words_that_are_no_text() -> None:
    """Bytes that are no UTF-8 in a column of text are for the reader that replaces them."""
    doubles = {f"c{n}": pa.array([1.0, 2.0]) for n in range(8)}
    body = stream([pa.record_batch(doubles | {"word": pa.array(["abcd", "efgh"])})])
    assert plain_columns(body) is not None
    assert plain_columns(body.replace(b"abcd", b"ab\xff\xff")) is None


WHOLE = batch_of(np.arange(12.0).reshape(3, 4))


BESIDE = pa.record_batch(
    {"word": pa.array(["a", "bc"])} | {f"c{n}": pa.array([1.0, n]) for n in range(8)},
)


@pytest.mark.parametrize(
    "body",
    [
        stream([WHOLE, WHOLE]),
        stream([WHOLE], compression="zstd"),
        stream([WHOLE.slice(0, 0)]),
        stream([pa.record_batch({"x": pa.array([1.0, None])})]),
        stream([pa.record_batch({"x": pa.array([1.0]), "y": pa.array([1])})]),
        stream([pa.record_batch({"x": pa.array([1.0]), "y": pa.array([1.0], pa.float32())})]),
        stream([batch_of(np.ones((2, 1)), ["x", "x"])]),
        stream([WHOLE])[:-8],
        stream([WHOLE])[:-1],
        stream([WHOLE]) + bytes(8),
        stream([WHOLE], use_legacy_format=True),
        b"",
        b"\xff\xff\xff\xff",
    ],
)
def test_whatever_is_not_plain_is_left(body: bytes) -> None:
    """Several batches, compression, nulls, other types, repeated names and cut streams are for pyarrow."""
    assert plain_columns(body) is None


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=300, deadline=None)
def test_changed_bytes(seed: int) -> None:
    """A stream with a few other bytes is left, or read as pyarrow reads it."""
    chance = random.Random(seed)
    body = bytearray(stream([chance.choice([WHOLE, BESIDE])]))
    for _ in range(chance.randint(1, 4)):
        body[chance.randrange(len(body))] = chance.choice([0, 1, 2, 127, 128, 255, chance.randrange(256)])
    found = plain_columns(bytes(body))
    if found is None:
        return
    try:
        table = pa.ipc.open_stream(bytes(body)).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError):
        return
    assert list(found) == table.schema.names
    for name, place in found.block.places.items():
        assert np.array(found.block.values[place]).tobytes() == table[name].to_numpy().tobytes()
    for name in set(found) - set(found.block.places):
        assert pa.chunked_array([found[name]]).equals(table[name])


def test_no_batch_is_made_for_nobody() -> None:
    """Asking for a name that is not there, as for a time column, makes no batch."""
    found = plain_columns(stream([WHOLE]))
    assert found is not None
    assert found.get("timestamp") is None
    assert "_batch" not in vars(found)
