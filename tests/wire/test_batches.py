"""One Arrow record batch as columns and as a block."""

from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from app.wire.batches import PLAIN, BatchColumns
from app.wire.decode import decode
from app.wire.values import numeric

KINDS = [
    pa.float64(),
    pa.float32(),
    *(pa.int64(), pa.int32(), pa.int16(), pa.int8()),
    *(pa.uint64(), pa.uint32(), pa.uint16(), pa.uint8()),
]
OTHERS = [pa.string(), pa.bool_(), pa.decimal128(5, 2), pa.timestamp("us"), pa.null()]


def cells(rng: np.random.Generator, kind: pa.DataType, rows: int, *, nulls: bool) -> pa.Array:
    """A column of random bits, or of nothing."""
    if kind not in KINDS:
        return pa.nulls(rows, kind)
    dtype = np.dtype(kind.to_pandas_dtype())
    values = np.frombuffer(rng.bytes(dtype.itemsize * rows), dtype)
    return pa.array(values, kind, mask=rng.random(rows) < 0.3 if nulls else None, from_pandas=False)


@given(
    seed=st.integers(0, 2**32 - 1),
    kinds=st.lists(st.tuples(st.sampled_from(KINDS + OTHERS), st.booleans()), max_size=12),
    rows=st.integers(0, 20),
    first=st.integers(0, 3),
)
@settings(max_examples=200, deadline=None)
def test_the_block_holds_what_the_columns_hold(
    seed: int, kinds: list[tuple[pa.DataType, bool]], rows: int, first: int
) -> None:
    """Every column of numbers without a null is in the block, to the last bit, and no other one."""
    rng = np.random.default_rng(seed)
    arrays = [cells(rng, kind, rows, nulls=nulls) for kind, nulls in kinds]
    names = [f"c{n}" for n in range(len(arrays))]
    batch = pa.RecordBatch.from_arrays(arrays, names=names).slice(first)
    columns = BatchColumns(batch, names)
    block = columns.block
    expected = {
        name
        for name, array in zip(names, batch.columns, strict=True)
        if array.type.id in PLAIN and not array.null_count and batch.num_rows
    }
    assert set(block.places if block else ()) == expected
    for name in expected:
        assert block is not None
        read = numeric(columns[name])
        assert read.state is None
        assert block.values[block.places[name]].view(np.int64).tolist() == read.values.view(np.int64).tolist()
    assert list(columns) == names


@given(
    seed=st.integers(0, 2**32 - 1),
    names=st.integers(20, 40),
    odd=st.lists(st.tuples(st.integers(0, 39), st.sampled_from([None, 7, 2**60, True, "x", 1e308])), max_size=4),
    lines=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_rows_of_one_shape_hold_a_block(
    *, seed: int, names: int, odd: list[tuple[int, int | str | None]], lines: bool
) -> None:
    """What the block of JSON rows holds is what its columns hold."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = [
        dict(zip((f"feature-{n}" for n in range(names)), row, strict=True))
        for row in rng.normal(size=(60, names)).tolist()
    ]
    for place, value in odd:
        rows[int(rng.integers(1, 60))][f"feature-{place % names}"] = value
    body = b"".join(orjson.dumps(row) + b"\n" for row in rows) if lines else orjson.dumps(rows)
    table = decode(body, "application/x-ndjson" if lines else "application/json")
    block = table.block
    if any(isinstance(value, str | bool) for _, value in odd):
        return
    assert block is not None
    whole = [name for name in rows[0] if all(row[name] is not None for row in rows)]
    assert list(block.places) == whole
    for name in whole:
        assert block.values[block.places[name]].tolist() == [float(row[name]) for row in rows]


def test_signalling_nan() -> None:
    """A signalling NaN of 32 bits becomes a NaN without a word."""
    odd = np.array([0x7F800001, 0x3F800000], np.uint32).view(np.float32)
    block = BatchColumns(pa.record_batch({"x": pa.array(odd, from_pandas=False)}), ["x"]).block
    assert block is not None
    assert np.isnan(block.values[0, 0])
    assert block.values[0, 1] == 1.0
