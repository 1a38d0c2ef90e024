"""What is kept of a first pass."""

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from app.drift.columns import Block, CategoricalColumn, Column, NumericColumn
from app.monitor.spill import Portion, Spill
from app.wire.arriving import Arriving
from app.wire.csvstream import CsvFile
from app.wire.table import START, Mark
from monitor.desk import Desk, weeks_of_rows
from monitor.test_baseline import read

ROOM = 1 << 30
HEADER = 100
"""Bytes of a file from which its columns can be told."""


def portion(rows: int, *, seed: int) -> Portion:
    """Rows with a column of every make."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Column] = {
        "x": NumericColumn(rng.normal(size=rows)),
        "y": NumericColumn(rng.normal(size=rows), rng.integers(0, 3, rows).astype(np.uint8)),
        "naïve": CategoricalColumn(rng.integers(-2, 2, rows).astype(np.int32), ("a\0b", "\N{GRINNING FACE}")),
    }
    values = np.asfortranarray(np.where(rng.random((2, rows)) < 0.1, np.nan, -0.0))
    block = Block({"p": 0, "q": 1}, values) if seed % 2 else None
    return Portion(rng.integers(0, 9, rows), rng.random(rows) < 0.5, columns, block)


def _come(vacate: Callable[[int], None]) -> Arriving:
    arriving = Arriving(vacate)
    arriving.complete()
    return arriving


def octets(one: Portion) -> list[object]:
    """Everything of a portion, to the bit."""
    found: list[object] = [one.starts.tobytes(), one.timed.tobytes()]
    for name, column in one.columns.items():
        if isinstance(column, CategoricalColumn):
            found += [name, column.codes.tobytes(), column.categories]
        else:
            found += [name, column.values.tobytes(), None if column.state is None else column.state.tobytes()]
    if one.block is not None:
        found += [dict(one.block.places), (one.block.values + 0.0).tobytes()]
    return found


def test_portions_come_back(tmp_path: Path) -> None:
    """To the bit but for the signs of zeros, in order, as often as wanted, and the folder shows nothing."""
    made = [portion(rows, seed=rows) for rows in (5, 0, 1, 1000)]
    with Spill(tmp_path, room=ROOM) as spill:
        for one in made:
            spill.add(one)
        assert spill.whole
        assert not list(tmp_path.iterdir())
        for _ in range(2):
            assert [sorted(map(repr, octets(one))) for one in spill.portions()] == [
                sorted(map(repr, octets(one))) for one in made
            ]


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """No file of this process may grow beyond a size, as on a disk that is full."""
    was = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, was[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, was)


@pytest.mark.parametrize("full", [False, True])
def test_beyond_its_room_it_keeps_what_was_marked(tmp_path: Path, full: bool) -> None:  # noqa: FBT001 - a parameter
    """Portions up to the last mark come back, be it room or disk that ends, in the middle of a portion or not."""
    made = [portion(rows, seed=1) for rows in (5, 6, 7)]
    with Spill(tmp_path, room=ROOM if full else 10_000) as spill, small_disk(10_000 if full else 1 << 40):
        assert [spill.add(one, mark) for one, mark in zip(made, (Mark(4, 9), Mark(8, 9), None), strict=True)] == [
            True
        ] * 3
        assert spill.whole
        assert not spill.add(portion(10_000, seed=1), Mark(30, 30))
        assert not spill.add(portion(1, seed=1), Mark(40, 40))
        assert not spill.whole
        assert spill.mark == Mark(8, 9)
        assert [octets(one) for one in spill.portions()] == [octets(one) for one in made[:2]]


def test_the_disk_is_left_what_is_to_come(tmp_path: Path) -> None:
    """Nothing is kept while more bytes of the file are to come than the disk has free; afterwards it is too late."""
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    arriving = Arriving(expected=2 * free)
    with Spill(tmp_path, room=ROOM, arriving=arriving) as spill:
        assert arriving.to_come == 2 * free
        assert not spill.add(portion(10, seed=1))
        arriving.complete()
        assert arriving.to_come == 0
        assert not spill.add(portion(10, seed=1))
    with Spill(tmp_path, room=ROOM, arriving=arriving) as spill:
        assert spill.add(portion(10, seed=1))


def test_without_a_mark_all_is_let_go(tmp_path: Path) -> None:
    """Nothing comes back beyond the room, and the file begins at its start; so it is where there is no such folder."""
    for folder, room in ((tmp_path, 10_000), (tmp_path / "none", ROOM)):
        with Spill(folder, room=room) as spill:
            assert spill.add(portion(10, seed=1)) == (folder == tmp_path)
            assert not spill.add(portion(10_000, seed=1))
            assert (spill.whole, spill.mark, list(spill.portions())) == (False, START, [])


@pytest.mark.parametrize("room", [0, 2000, 6000, ROOM])
def test_a_baseline_is_the_same_with_and_without(desk: Desk, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """Bins, counts, means, windows and their sums, to the bit, though what is kept is gone from the file."""
    monkeypatch.setattr(CsvFile.__init__, "__kwdefaults__", {**(CsvFile.__init__.__kwdefaults__ or {}), "block": 1500})
    desk.configure()
    path = desk.write("\n".join([*weeks_of_rows().splitlines()[:400], ",9,pink", "2020-01-01T00:00:00Z,nan,"]))
    baseline, (part,) = read(desk, path)
    passed = [0]
    with Spill(desk.folder, room=room) as spill, path.open("r+b") as file:

        def vacate(end: int) -> None:
            file.seek(HEADER)
            file.write(bytes(end - HEADER))
            file.flush()
            passed.append(end)

        kept, (same,) = read(desk, path, spill=spill, arriving=_come(vacate))
        assert (spill.mark == START) == (room == 0)
        assert spill.whole == (room == ROOM)
        assert passed[-1] == (path.stat().st_size if spill.whole else spill.mark.end)
    assert repr(kept.features) == repr(baseline.features)
    assert kept.counts.tolist() == baseline.counts.tolist()
    for name in ("starts", "rows", "counts", "sums"):
        assert np.array_equal(getattr(part, name), getattr(same, name))
