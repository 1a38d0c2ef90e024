"""Arrow columns of every make, as their counts see them."""

import io
from collections.abc import Iterator
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from app.drift.columns import INVALID, INVALID_CODE, NULL, NULL_CODE, VALUE
from app.errors import TooLarge
from app.wire.arrow import table_of_arrow
from app.wire.flat import flat
from app.wire.times import instants
from app.wire.values import categorical, numeric

UTC: Final = ZoneInfo("UTC")
SIMPLE: Final[dict[str, Any]] = {
    "numbers": pa.array([1.5, None, 3.0]),
    "words": pa.array(["7", None, "x"]),
    "views": pa.array(["7", None, "x" * 40], pa.string_view()),
    "octets": pa.array([b"7", None, b"\xff"], pa.binary_view()),
    "nothing": pa.nulls(3),
    "halves": pa.array([np.float16(1), None, np.float16(2)], pa.float16()),
    "money": pa.array([None, "2.50", "1.00"]).cast(pa.decimal64(9, 2)),
    "cents": pa.array([None, "2.50", "1.00"]).cast(pa.decimal32(9, 2)),
    "months": pa.array([pa.MonthDayNano([1, 2, 3]), None, pa.MonthDayNano([1, 2, 3])]),
    "moments": pa.array([1, None, 2**60], pa.int64()).view(pa.timestamp("s")),
    "days": pa.array([1, None, 2**30], pa.int32()).view(pa.date32()),
    "zoned": pa.array([1, None, 3], pa.int64()).view(pa.timestamp("us", "Nowhere/None")),
}


def nested(held: Any) -> Iterator[Any]:
    """Arrays of lists, structs, unions, maps, words and runs of an array of three."""
    ends, offsets = pa.array([1, 2, 3], pa.int32()), pa.array([0, 1, 2, 3], pa.int32())
    yield pa.ListArray.from_arrays(offsets, held)
    yield pa.ListViewArray.from_arrays(pa.array([0, 1, 0], pa.int32()), ends, held)
    yield pa.FixedSizeListArray.from_arrays(held, 1)
    yield pa.StructArray.from_arrays([held], ["x"])
    yield pa.MapArray.from_arrays(offsets, pa.array(["k", "l", "m"]), held)
    yield pa.UnionArray.from_sparse(pa.array([0, 0, 1], pa.int8()), [held, pa.array([1, 2, 3])])
    yield pa.DictionaryArray.from_arrays(pa.array([0, 2, None], pa.int8()), held)
    yield pa.RunEndEncodedArray.from_arrays(ends, held)


def read(array: Any, batches: int) -> Any:
    """The column of a stream of equal batches."""
    sink, batch = io.BytesIO(), pa.record_batch({"x": array})
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        for _ in range(batches):
            writer.write_batch(batch)
    return table_of_arrow(sink.getvalue(), told=None, limit=1 << 20).columns["x"]


def states(array: Any) -> tuple[list[int], list[int]]:
    """Which values are numbers, null or invalid, and which are categories, null or invalid."""
    number, word = numeric(array), categorical(array)
    found = [VALUE] * len(array) if number.state is None else number.state.tolist()
    return found, [min(code, 0) for code in word.codes.tolist()]


@pytest.mark.parametrize("batches", [1, 2])
@pytest.mark.parametrize("kind", SIMPLE)
def test_every_make_is_read(kind: str, batches: int) -> None:
    """Whatever a value is packed in, it counts as one alone does; what holds others is invalid, if it is not null."""
    simple = SIMPLE[kind]
    numbers, words = states(simple)
    for array in (simple, *nested(simple), *nested(next(nested(simple)))):
        if array is simple or (pa.types.is_run_end_encoded(array.type) and array.type.value_type == simple.type):
            want = numbers, words
        elif pa.types.is_dictionary(array.type) and array.type.value_type == simple.type:
            want = [numbers[0], numbers[2], NULL], [words[0], words[2], NULL_CODE]
        else:
            missing = [value is None for value in flat(array).to_pylist()]
            want = [NULL if n else INVALID for n in missing], [NULL_CODE if n else INVALID_CODE for n in missing]
        held = read(array, batches)
        assert states(held) == (want[0] * batches, want[1] * batches), array.type
        assert len(instants(held, len(held), receipt_us=0, naive="utc", zone=UTC).us) == len(held)


def test_a_moment_without_a_calendar_does_not_cost_the_others() -> None:
    """Years that are none are invalid as categories; the others keep their words."""
    days = categorical(SIMPLE["days"])
    assert ([days.categories[0]], days.codes.tolist()) == (["1970-01-02"], [0, NULL_CODE, INVALID_CODE])
    moments = categorical(pa.array([0, 2**62], pa.int64()).view(pa.timestamp("ms", "UTC")))
    assert (moments.categories, moments.codes.tolist()) == (("1970-01-01T00:00:00Z",), [0, INVALID_CODE])


def test_words_of_many_dictionaries() -> None:
    """A batch may replace the dictionary; together the words may be more than its codes can tell apart."""
    chunks = [
        pa.DictionaryArray.from_arrays(
            pa.array([*range(100), None], pa.int8()), pa.array([f"{n}-{m}" for m in range(100)])
        )
        for n in range(3)
    ]
    column = categorical(pa.chunked_array(chunks))
    assert len(column.categories) == 300
    assert [column.categories[code] for code in column.codes if code >= 0] == [
        word for chunk in chunks for word in chunk.to_pylist() if word is not None
    ]


def test_extensions_are_what_they_are_stored_as() -> None:
    """One that stands for numbers counts as these, alone and in runs."""
    stored = pa.array([1, None, 0], pa.int8())
    flags = pa.ExtensionArray.from_storage(pa.bool8(), stored)
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([1, 2, 3], pa.int32()), flags)
    assert states(read(flags, 2)) == states(read(runs, 2)) == states(pa.chunked_array([stored, stored]))


def test_a_part_of_runs() -> None:
    """Runs before the part and beyond it do not count."""
    whole = pa.RunEndEncodedArray.from_arrays(pa.array([2, 4, 6, 9], pa.int16()), pa.array([1.0, None, 3.0, 4.0]))
    for first in range(9):
        for size in range(9 - first):
            part = whole.slice(first, size)
            assert flat(part).to_pylist() == part.to_pylist()


def test_batches_share_their_dictionary() -> None:
    """Many batches with one large dictionary take no longer than one; of many large ones too many words are refused."""
    words = pa.array([f"word-{n}" for n in range(100_000)])
    batches = [
        pa.record_batch({"x": pa.DictionaryArray.from_arrays(pa.array([n], pa.int32()), words)}) for n in range(1_000)
    ]
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    held: Any = table_of_arrow(sink.getvalue(), told=None, limit=1 << 26).columns["x"]
    assert flat(held).to_pylist() == words.to_pylist()[:1_000]
    others = [pa.DictionaryArray.from_arrays(pa.array([0]), words.slice(n)) for n in range(100)]
    with pytest.raises(TooLarge):
        flat(pa.chunked_array(others))
