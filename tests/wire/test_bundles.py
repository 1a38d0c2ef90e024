"""Rows of Arrow batches as bytes: whatever the columns, and whatever batch came before, they come back as they were."""

import io
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wire.bundles import Bundle
from app.wire.decode import decode
from app.wire.picks import packed_rows, unpacked

KIND = "application/vnd.apache.arrow.stream"
WIDE = 20


def body(columns: dict[str, Any]) -> bytes:
    """An Arrow stream of one batch."""
    table = pa.table(columns)
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    return file.getvalue()


def doubles(rows: int, *, seed: int) -> dict[str, Any]:
    """Columns of doubles, which are used where they lie when few others are among them."""
    rng = np.random.default_rng(seed)
    return {f"f{n}": rng.normal(size=rows) for n in range(WIDE)}


@given(
    st.lists(
        st.tuples(
            st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-5, 5), st.none()), min_size=1),
            st.integers(0, 2**30),
        ),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
)
def test_integers_beside_doubles(batches: list[tuple[list[int | None], int]], shuffled: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Small ones, large ones and nulls, in batches one after the other, of which each was planned like those before."""
    for values, seed in batches:
        columns = {"when": pa.array(values, pa.int64()), **doubles(len(values), seed=seed)}
        columns["late"] = pa.array(values[::-1], pa.int64())
        rng = np.random.default_rng(seed)
        rows = rng.permutation(len(values))[: rng.integers(1, len(values) + 1)]
        names = list(columns) if shuffled else ["late", "f3", *(f"f{n}" for n in range(WIDE) if n != 3), "when"]
        found = unpacked(packed_rows(decode(body(columns), KIND), names, rows)).columns
        wanted = pa.table(columns).take(rows).to_pydict()
        assert found == wanted
        assert {type(value) for value in found["when"]} <= {int, type(None)}


@pytest.mark.parametrize("rows", [1, 7, 8, 1000, 1001])
@pytest.mark.parametrize("share", [0.01, 0.5, 1.0])
def test_columns_that_lie_apart(rows: int, share: float) -> None:
    """Arrow pads columns to 64 bytes; of few rows, of many and of all the same values are written."""
    columns = doubles(rows, seed=rows)
    some = np.sort(np.random.default_rng(3).permutation(rows)[: max(1, int(share * rows))])
    found = unpacked(packed_rows(decode(body(columns), KIND), list(columns), some)).columns
    assert found == {name: values[some].tolist() for name, values in columns.items()}


def test_what_is_no_number() -> None:
    """Texts, times, truths and dictionaries, one schema after the other."""
    kinds: list[dict[str, Any]] = [
        {"t": pa.array(["é", None, "x"])},
        {"t": pa.array([1, None, 3], pa.timestamp("us", "UTC"))},
        {"t": pa.array([1, None, 3], pa.timestamp("ms"))},
        {"t": pa.array(["a", "b", "a"]).dictionary_encode()},
        {"t": pa.array([True, None, False])},
        {"t": pa.array([[1], None, [2, 3]])},
    ]
    for columns in [*kinds, *kinds[::-1]]:
        table = decode(body({**columns, **doubles(3, seed=1)}), KIND)
        found = unpacked(packed_rows(table, ["t", "f0"], np.array([2, 0, 1]))).columns
        assert found["t"] == pa.table(columns).take([2, 0, 1]).to_pydict()["t"]


def test_what_was_strange_stays_so() -> None:
    """A column that once held what a double rounds goes with the rest, and so does the next one after it."""
    large, small = pa.array([2**53 + 1, 1]), pa.array([3, 1])
    for first, second in ((large, small), (small, large), (large, large), (large, small)):
        columns = {"a": first, "b": second, **doubles(2, seed=1)}
        found = unpacked(packed_rows(decode(body(columns), KIND), ["f0", "a", "b"], np.array([0, 1]))).columns
        assert (found["a"], found["b"]) == (first.to_pylist(), second.to_pylist())


def test_bundles_tell_the_types_of_narrow_numbers() -> None:
    """Those beside the doubles, too; Arrow's name of each."""
    columns = {"when": pa.array([1, 2], pa.int32()), "wide": pa.array([1, 2]), **doubles(2, seed=1)}
    found = unpacked(packed_rows(decode(body(columns), KIND), ["when", "wide", "f0"], np.array([1])))
    assert found.types == {"when": "int32", "wide": "int64", "f0": "double"}


def test_bytes_are_those_of_message_pack() -> None:
    """Read as the structure they are, whoever wrote it."""
    table = decode(body({"when": [1, 2], **doubles(2, seed=1)}), KIND)
    payload = packed_rows(table, ["f0", "when"], np.array([1]), bare=["more"])
    read = msgspec.msgpack.decode(payload, type=Bundle)
    assert (read.names, read.whole, read.bare, read.rows, read.rest) == (["f0", "when"], ["when"], ["more"], 1, b"")
    assert np.frombuffer(read.doubles).tolist() == [table.columns["f0"][1].as_py(), 2.0]
