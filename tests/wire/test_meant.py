"""Little that stands for much is refused before it is looked through."""

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from app.errors import TooLarge
from app.wire.arrow import table_of_arrow

LIMIT = 1 << 20


def stream(batch: pa.RecordBatch, batches: int = 1) -> bytes:
    """A stream of equal batches."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        for _ in range(batches):
            writer.write_batch(batch)
    return sink.getvalue()


def views(count: int, size: int) -> Any:
    """Views of the same bytes."""
    words = np.zeros((count, 4), "<i4")
    words[:, 0], words[:, 1] = size, int.from_bytes(b"aaaa", "little")
    buffers = [None, pa.py_buffer(words.tobytes()), pa.py_buffer(b"a" * size)]
    return pa.Array.from_buffers(pa.string_view(), count, buffers)


def packed(held: Any) -> list[Any]:
    """The same array, and inside others."""
    offsets = pa.array([0, len(held)], pa.int32())
    return [
        held,
        pa.ListArray.from_arrays(offsets, held),
        pa.StructArray.from_arrays([held], ["x"]),
        pa.RunEndEncodedArray.from_arrays(pa.array(range(1, len(held) + 1), pa.int32()), held),
        pa.DictionaryArray.from_arrays(pa.array([0]), held),
        pa.MapArray.from_arrays(offsets, pa.array([str(n) for n in range(len(held))]), held),
    ]


@pytest.mark.parametrize("batches", [1, 3])
def test_views_of_the_same_bytes(batches: int) -> None:
    """Wherever they are."""
    for array in packed(views(1_000, 4_000)):
        with pytest.raises(TooLarge):
            table_of_arrow(stream(pa.record_batch({"x": array}), batches), told=None, limit=LIMIT)
    for array in packed(views(10, 4_000)):
        found = table_of_arrow(stream(pa.record_batch({"x": array}), batches), told=None, limit=LIMIT)
        assert found.rows == len(array) * batches


def test_a_dictionary_inside_lists_of_many_batches() -> None:
    """Each batch would be looked through with the whole of it; one that is no part of anything is joined."""
    words = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), pa.array([f"word-{n}" for n in range(5_000)]))
    for batches, refused in ((1, False), (200, True)):
        body = stream(pa.record_batch({"x": pa.ListArray.from_arrays(pa.array([0, 1]), words)}), batches)
        if refused:
            with pytest.raises(TooLarge):
                table_of_arrow(body, told=None, limit=LIMIT)
        else:
            assert table_of_arrow(body, told=None, limit=LIMIT).rows == batches
    found: Any = table_of_arrow(stream(pa.record_batch({"x": words}), 200), told=None, limit=LIMIT).columns["x"]
    assert (found.num_chunks, found.to_pylist()) == (1, ["word-0"] * 200)


def test_a_dictionary_that_grows_with_each_batch() -> None:
    """All of it is copied each time; a few additions are nothing."""
    words, batches = [f"{n}" * 50 for n in range(2_000)], []
    for n in range(300):
        words.append(f"more-{n}")
        coded = pa.DictionaryArray.from_arrays(pa.array([len(words) - 1], pa.int32()), pa.array(words))
        batches.append(pa.record_batch({"x": coded}))
    for count, refused in ((2, False), (6, False), (300, True)):
        sink = io.BytesIO()
        options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
        with pa.ipc.new_stream(sink, batches[0].schema, options=options) as writer:
            for batch in batches[:count]:
                writer.write_batch(batch)
        assert len(sink.getvalue()) < LIMIT
        if refused:
            with pytest.raises(TooLarge):
                table_of_arrow(sink.getvalue(), told=None, limit=LIMIT)
        else:
            found: Any = table_of_arrow(sink.getvalue(), told=None, limit=LIMIT).columns["x"]
            assert found.to_pylist() == [f"more-{n}" for n in range(count)]
