"""A few rows of Arrow columns: every make can be kept and read again, and no word is kept for rows that lack it."""

import io
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.wire.decode import decode
from app.wire.excerpt import MOST, excerpt, values_of
from app.wire.picks import MANY, packed_rows, unpacked
from app.wire.table import Table

KINDS: Final[dict[str, tuple[Any, list[Any]]]] = {
    "views": (pa.array(["a", None, "long enough for a view"], pa.string_view()), ["a", None, "long enough for a view"]),
    "octets": (pa.array([b"a", None, b"\xff"]), ["a", None, "\ufffd"]),
    "few octets": (pa.array([b"ab", None], pa.binary(2)), ["ab", None]),
    "views of octets": (pa.array([b"a", None], pa.binary_view()), ["a", None]),
    "words of octets": (pa.array([b"a", None]).dictionary_encode(), ["a", None]),
    "runs": (pa.RunEndEncodedArray.from_arrays(pa.array([1, 2], pa.int32()), pa.array(["a", None])), ["a", None]),
    "words": (pa.array(["a", None]).dictionary_encode(), ["a", None]),
    "null word": (pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), pa.array(["a", None])), ["a", None]),
    "words of views": (
        pa.DictionaryArray.from_arrays(pa.array([0, None], pa.int8()), pa.array(["a"], pa.string_view())),
        ["a", None],
    ),
    "lists": (pa.array([[1], None]), [[1], None]),
    "lists of views": (
        pa.ListArray.from_arrays(pa.array([0, 1, 1]), pa.array(["a"], pa.string_view()), mask=pa.array([False, True])),
        [["a"], None],
    ),
    "lists of runs": (
        pa.ListArray.from_arrays(
            pa.array([0, 1, 1]),
            pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), pa.array([1])),
            mask=pa.array([False, True]),
        ),
        [[], None],
    ),
    "lists of nanoseconds": (pa.array([[1], None], pa.list_(pa.timestamp("ns"))), [[], None]),
    "centuries": (pa.array([2**62, None], pa.int64()).view(pa.duration("s")), [{}, None]),
    "days": (pa.array([2**30, None], pa.int32()).view(pa.date32()), [{}, None]),
    "nowhere": (pa.array([1, None], pa.int64()).view(pa.timestamp("us", "Nowhere/None")), [{}, None]),
}

LOST: Final = {"days", "nowhere", "lists of nanoseconds", "lists of views", "lists of runs"}
"""What may be kept as an empty list or object, by one way or another."""


def tables(columns: dict[str, Any]) -> list[Table]:
    """The same columns in a stream of one batch, in one of two, and in a file, where it can be written."""
    batch, bodies = pa.record_batch(columns), []
    for batches in ([batch], [batch.slice(0, 1), batch.slice(1)]):
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            for one in batches:
                writer.write_batch(one)
        bodies.append(sink.getvalue())
    sink = io.BytesIO()
    try:
        pq.write_table(pa.Table.from_batches([batch]), sink)
        bodies.append(sink.getvalue())
    except (pa.ArrowException, OverflowError):
        pass
    return [decode(body, None) for body in bodies]


@pytest.mark.parametrize("kind", KINDS)
def test_every_make_is_kept(kind: str) -> None:
    """However few or many rows are picked, of however many batches, they hold their values."""
    array, want = KINDS[kind]
    for table in tables({"x": array, "y": pa.array(range(len(array)))}):
        for rows in (np.array([1, 0]), np.tile(np.array([1, 0]), MANY)):
            found = unpacked(packed_rows(table, ["x", "y"], rows)).columns
            assert found["y"] == rows.tolist()
            if kind not in LOST:
                assert found["x"] == [want[row] for row in rows]
            assert [value is None for value in found["x"]] == [want[row] is None for row in rows]


def test_words_of_other_rows_are_left_out() -> None:
    """A sample does not grow with the dictionary."""
    coded = pa.array([f"word-{n}" for n in range(50_000)]).dictionary_encode()
    rows = np.array([7, 40_000, 7])
    (found,) = excerpt([coded], rows)
    assert (found.type, len(found.dictionary)) == (coded.type, 2)
    assert values_of(found) == ["word-7", "word-40000", "word-7"]
    (table, *_) = tables({"x": coded})
    assert len(packed_rows(table, ["x"], rows)) < 2_000


def test_one_word_does_not_become_many() -> None:
    """A few bytes that stand for much text are cut; short words never are."""
    rows = np.zeros(2_000, np.int64)
    long = pa.DictionaryArray.from_arrays(pa.array(rows, pa.int32()), pa.array(["é" * 10**6]))
    octets = pa.DictionaryArray.from_arrays(pa.array(rows, pa.int32()), pa.array([b"a" * 10**6]))
    short = pa.DictionaryArray.from_arrays(pa.array(rows, pa.int32()), pa.array(["word"]))
    found = [values_of(column) for column in excerpt([long, octets, short], rows)]
    assert sum(len(value) for column in found for value in column) < MOST
    assert found[2] == ["word"] * len(rows)
    assert set(found[0]) == {"é" * (MOST // 6_000)}
