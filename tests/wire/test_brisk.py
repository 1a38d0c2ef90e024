"""Plain bodies within bounds are read as others read them; the rest is left to those others."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pytest

from app.errors import Refused
from app.wire import brisk
from app.wire.brisk import BOUNDS, LARGEST, brisk_table, is_large, may_be_brisk
from app.wire.decode import Format, decode
from wire.likeness import same
from wire.test_plain import stream
from wire.writers import bare_json, columns_json, ndjson, rows_json

ROWS: Final = 2_000
MOST: Final = 100_000
Columns = dict[str, list[Any]]


def arrow(columns: Columns) -> bytes:
    """Write one batch."""
    return stream([pa.RecordBatch.from_pydict(columns)])


WAYS: Final[dict[str, tuple[Format, Callable[[Any], bytes]]]] = {
    "columns": (Format.JSON, columns_json),
    "rows": (Format.JSON, rows_json),
    "array": (Format.JSON, bare_json),
    "lines": (Format.NDJSON, ndjson),
    "arrow": (Format.ARROW, arrow),
}


def table(rows: int = ROWS, numbers: int = 9, words: int = 1) -> Columns:
    """Numbers with some integers among them, and words."""
    rng = np.random.default_rng(rows)
    columns: Columns = {f"x{n}": rng.normal(size=rows).tolist() for n in range(numbers)}
    return columns | {f"w{n}": [f"word {row % 7}" for row in range(rows)] for n in range(words)}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("words", [0, 1])
def test_plain_bodies_are_read_alike(way: str, words: int) -> None:
    """Numbers and a few words come as the usual reader gives them, in every format that is read here."""
    kind, write = WAYS[way]
    body = write(table(words=words))
    found = brisk_table(body, kind, row_count=ROWS, most=MOST)
    assert found is not None
    assert not is_large(found)
    same(found, decode(body, None))


@pytest.mark.parametrize("way", ["columns", "rows", "array", "lines"])
@pytest.mark.parametrize(
    ("shape", "bounds"),
    [
        ({"rows": ROWS}, {"rows": ROWS // 2}),
        ({"numbers": 40}, {"names": 40}),
        ({"words": 5}, {"others": 4 * ROWS}),
    ],
    ids=["rows", "names", "others"],
)
def test_what_is_out_of_bounds_is_left(
    way: str, shape: dict[str, int], bounds: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many rows, names, or values that are no numbers, are not read here, where one fewer bound would do."""
    kind, write = WAYS[way]
    body = write(table(**shape))
    wide = replace(BOUNDS, others=10 * ROWS)
    monkeypatch.setattr(brisk, "BOUNDS", wide)
    assert brisk_table(body, kind, row_count=None, most=MOST) is not None
    monkeypatch.setattr(brisk, "BOUNDS", replace(wide, **bounds))
    assert brisk_table(body, kind, row_count=None, most=MOST) is None


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Format.JSON, rows_json({"x": [{"a": 1.5}] * 20_000})),
        (Format.JSON, b"[" + b"1," * 100_000 + b"1]"),
        (Format.JSON, b'{"columns":{"x":[' + b"1.5," * 100_000),
        (Format.CSV, b"x\n1\n"),
        (Format.ARROW, b"\xff\xff\xff\xff" + bytes(100)),
    ],
    ids=["nested", "no objects", "cut short", "csv", "no stream"],
)
def test_other_bodies_are_left(kind: Format, body: bytes) -> None:
    """What is not plain is nobody's error yet."""
    assert brisk_table(body, kind, row_count=None, most=MOST) is None


@pytest.mark.parametrize("shape", [{"rows": BOUNDS.rows + 1, "numbers": 1}, {"rows": 1, "numbers": BOUNDS.names + 1}])
def test_arrow_that_takes_long_to_count_is_told(shape: dict[str, int]) -> None:
    """Reading it took no time, so that it is read all the same."""
    found = brisk_table(arrow(table(**shape, words=0)), Format.ARROW, row_count=None, most=MOST)
    assert found is not None
    assert is_large(found)


@pytest.mark.parametrize("way", WAYS)
def test_a_wrong_row_count_is_refused(way: str) -> None:
    """As everywhere."""
    kind, write = WAYS[way]
    with pytest.raises(Refused, match=f"holds {ROWS} rows, not 7"):
        brisk_table(write(table()), kind, row_count=7, most=MOST)


def test_size_and_first_bytes_tell_what_is_worth_a_try() -> None:
    """JSON and Arrow up to a size; CSV and Parquet have readers that need no lock."""
    assert all(may_be_brisk(write(table(rows=10))) for _, write in WAYS.values())
    assert may_be_brisk(b"[" + bytes(LARGEST - 1))
    assert not may_be_brisk(b"[" + bytes(LARGEST))
    assert not any(map(may_be_brisk, (b"", b"x,y\n1,2\n", b"PAR1", b"ARROW1\0\0")))
