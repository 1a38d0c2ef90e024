"""Columns read as numbers by all cores give what cells of text give."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import BadRequest
from app.wire import csvstream
from app.wire.csvrows import table_of_csv
from app.wire.csvstream import CsvFile
from app.wire.table import Table
from app.wire.values import categorical, numeric

CELLS = st.sampled_from(
    [
        "1",
        "-2.5",
        "1e400",
        "",
        "nan",
        "nan(3)",
        "inf",
        "-inf",
        "+5",
        " 7 ",
        "true",
        "N/A",
        "0x1",
        '"3"',
        '""',
        "1_0",
        "é",
    ]
)
GOOD = "12.5,word,3"


def counted(tables: list[Table]) -> list[object]:
    """Everything that matters of a file: values, states, words, numbers of kept and refused rows."""
    found: list[object] = []
    received = 0
    for table in tables:
        own = np.arange(table.rows) if table.numbers is None else table.numbers
        found += [("refused", one.row + received) for one in table.rejections]
        columns = []
        for name in ("x", "z"):
            numbers = numeric(table.columns[name], text=True)
            states = np.zeros(table.rows) if numbers.state is None else numbers.state
            columns.append([(repr(v) if not s else "", int(s)) for v, s in zip(numbers.values, states, strict=True)])
        words = categorical(table.columns["y"], text=True)
        columns.append([words.categories[code] if code >= 0 else code for code in words.codes.tolist()])
        found += [("row", int(n) + received, *row) for n, *row in zip(own, *columns, strict=True)]
        received += table.received
    return sorted(found, key=repr)


LINES = st.lists(
    st.tuples(CELLS, CELLS, CELLS).map(",".join) | st.sampled_from(["1", "1,2,3,4", "", GOOD]), max_size=12
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(LINES, st.integers(0, 40), st.integers(0, 40))
def test_typed_and_plain_reading_agree(tmp_path: Path, lines: list[str], before: int, after: int) -> None:
    """Odd cells and ragged lines, early, late or often, send the reader back and change nothing."""
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["x,y,z", *[GOOD] * before, *lines, *[GOOD] * after]), encoding="utf-8")
    plain = counted(list(CsvFile(path, block=200).tables()))
    assert counted(list(CsvFile(path, block=200, doubles={"x", "z"}, readers=2).tables())) == plain


def test_every_column_may_be_odd(tmp_path: Path) -> None:
    """More odd columns than second looks: all of them are read as text."""
    names = [f"c{n}" for n in range(20)]
    path = tmp_path / "odd.csv"
    path.write_text("\n".join([",".join(names), *[",".join(["1"] * 20)] * 50, ",".join(["?"] * 20)]))
    file = CsvFile(path, doubles=names)
    (table,) = file.tables()
    for name in names:
        states = numeric(table.columns[name], text=True).state
        assert states is not None
        assert states.tolist() == [0] * 50 + [2]


@pytest.mark.parametrize("tail", ["1,2", "1,2,3,4"])
def test_a_ragged_last_line_is_refused(tmp_path: Path, tail: str) -> None:
    """It lies behind every block, and is found and numbered all the same."""
    path = tmp_path / "tail.csv"
    path.write_text("\n".join(["x,y,z", *[GOOD] * 500, tail]))
    tables = list(CsvFile(path, block=256, doubles={"x", "z"}).tables())
    assert sum(table.rows for table in tables) == 500
    assert sum(table.received for table in tables) == 501


def cells(tables: list[Table]) -> tuple[list[list[object]], list[int]]:
    """All cells, and the numbers of the refused rows."""
    found: list[list[object]] = [[], []]
    refused: list[int] = []
    received = 0
    for table in tables:
        for column, name in zip(found, ("x", "y"), strict=True):
            column.extend(table.columns[name].to_pylist())  # type: ignore[union-attr]
        refused += [one.row + received for one in table.rejections]
        received += table.received
    return found, refused


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.sampled_from(['"', '""', ",", "\n", "\r", "\r\n", "a", "\ufeff", " "]), max_size=60).map("".join),
    st.integers(1, 30),
    st.sampled_from([0, 2]),
)
def test_blocks_are_cut_between_rows(tmp_path: Path, text: str, block: int, readers: int) -> None:
    """Wherever quotes, line ends and marks stand, small blocks hold the rows of the whole."""
    body = ("x,y\n" + text).encode()
    try:
        whole = cells([table_of_csv(body)])
    except BadRequest:
        return
    path = tmp_path / "rows.csv"
    path.write_bytes(body)
    assert cells(list(CsvFile(path, block=block, readers=readers).tables())) == whole


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.sampled_from(["1,2\n", '"a\nb",3\r\n', "\ufeff,é\n", "1\n", "\n", "\xff", "5,\U0001f600"]), max_size=40
    ).map("".join),
    st.integers(1, 50),
)
def test_reading_goes_on_at_every_mark(tmp_path: Path, text: str, block: int) -> None:
    """From the mark of a table on come the tables that followed it; bytes that are no UTF-8 end the marks."""
    body = b"\xef\xbb\xbfx,y\n" + text.encode().replace("\xff".encode(), b"\xff")
    path = tmp_path / "rows.csv"
    path.write_bytes(body)
    tables = list(CsvFile(path, block=block, readers=0).tables())
    marks = [table.mark for table in tables]
    assert None not in marks or b"\xff" in body
    for n, mark in enumerate(marks, 1):
        if mark is not None:
            after = list(CsvFile(path, block=block, readers=0, begin=mark).tables())
            assert [(cells([table]), table.mark) for table in after] == [
                (cells([table]), table.mark) for table in tables[n:]
            ]


def test_a_row_has_a_largest_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quote that never closes makes the rest of the file one row."""
    monkeypatch.setattr(csvstream, "LARGEST_BLOCK", 1000)
    path = tmp_path / "open.csv"
    path.write_text('x,y\n1,"' + "1,2\n" * 1000)
    for block in (100, 1 << 20):
        with pytest.raises(BadRequest, match="takes more than"):
            list(CsvFile(path, block=block).tables())
