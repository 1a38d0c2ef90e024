"""CSV columns read as numbers at once, against the same columns read as text."""

import csv
import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.wire.csvrows import header, table_of_csv
from app.wire.picks import picked, read_cells
from app.wire.values import categorical, numeric

CELLS = ["", "1", "-0", "+1", ".5", "5.", "1e3", "1e400", "-1e400", "1e-400", "0x10", "1_0", " 2 ", "\t3", "9" * 30]
CELLS += [
    "0.1",
    "nan",
    "NaN",
    "-nan",
    "nan(1)",
    "inf",
    "-Infinity",
    "true",
    "False",
    "null",
    "NA",
    "a",
    '"',
    "1,5",
    "1\n2",
]
CELLS += ["2.2250738585072011e-308", "9007199254740993", "179769313486231580793728971405301199e272"]
doubles = st.floats(width=64).map(repr)
column = st.one_of(st.just(st.sampled_from(CELLS)), st.just(doubles), st.just(st.integers().map(str)))


def written(columns: list[list[str]], *, ragged: bool) -> bytes:
    """The columns as CSV, with a line too long among them if that is wanted."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([f"c{n}" for n in range(len(columns))])
    for n, row in enumerate(zip(*columns, strict=True)):
        writer.writerow(row)
        if ragged and n == 1:
            writer.writerow([*row, "more"])
    return text.getvalue().encode()


@given(data=st.data(), width=st.integers(1, 4), rows=st.integers(0, 12), ragged=st.booleans())
@settings(max_examples=300, deadline=None)
def test_numbers_are_what_their_text_says(*, data: st.DataObject, width: int, rows: int, ragged: bool) -> None:
    """Values, states, categories, counts and picked rows are the same to the last bit."""
    columns = [data.draw(st.lists(data.draw(column), min_size=rows, max_size=rows)) for _ in range(width)]
    body = written(columns, ragged=ragged)
    wanted = data.draw(st.sets(st.sampled_from([f"c{n}" for n in range(width)])))
    slow, quick = table_of_csv(body), table_of_csv(body, numbers=wanted)
    assert (quick.rows, quick.received, quick.rejections) == (slow.rows, slow.received, slow.rejections)
    assert list(quick.columns) == list(slow.columns)
    for name, raw in slow.columns.items():
        expected, found = numeric(raw, text=True), numeric(quick.columns[name], text=True)
        assert found.values.view(np.int64).tolist() == expected.values.view(np.int64).tolist()
        states = [np.zeros(slow.rows, np.uint8) if one.state is None else one.state for one in (found, expected)]
        assert states[0].tolist() == states[1].tolist()
        words = [categorical(one, text=True) for one in (raw, quick.columns[name])]
        spelt = [[one.categories[code] if code >= 0 else code for code in one.codes.tolist()] for one in words]
        assert spelt[0] == spelt[1]
        if quick.block is not None and name in quick.block.places:
            held = quick.block.values[quick.block.places[name]]
            assert held.view(np.int64).tolist() == expected.values.view(np.int64).tolist()
    some = [0, slow.rows - 1] if slow.rows else []
    assert bits(quick, some) == bits(slow, some)


def bits(table: object, rows: list[int]) -> dict[str, list[object]]:
    """Picked cells, doubles by their bits; beside a double a whole number is one, as in any frame of them."""
    columns = picked(table, table.columns, rows).columns  # type: ignore[attr-defined, arg-type]
    found: dict[str, list[object]] = {}
    for name, cells in columns.items():
        read = read_cells(cells)
        doubled = any(isinstance(cell, float) for cell in read)
        found[name] = [
            struct.pack("d", cell) if isinstance(cell, float) or (doubled and type(cell) is int) else cell
            for cell in read
        ]
    return found


@pytest.mark.parametrize("size", [10, 1 << 14, 1 << 18])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n1,2\n"])
def test_headers_of_any_length(size: int, end: bytes) -> None:
    """A header is read to its end, wherever that is."""
    names = [f"{'x' * 200}{n}" for n in range(size // 200 + 1)]
    text = ",".join(f'"{name}\n"'.replace("\n", "") for name in names).encode()
    assert header(b"\xef\xbb\xbf\n\n" + text + end) == names
