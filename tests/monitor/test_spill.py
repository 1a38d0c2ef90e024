"""What is kept of a first pass."""

from pathlib import Path

import numpy as np
import pytest

from app.drift.columns import Block, CategoricalColumn, Column, NumericColumn
from app.monitor.spill import Portion, Spill
from monitor.desk import Desk, weeks_of_rows
from monitor.test_baseline import read

ROOM = 1 << 30


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


def test_beyond_its_room_it_gives_up(tmp_path: Path) -> None:
    """All is let go; so it is where there is no such folder."""
    with Spill(tmp_path, room=10_000) as spill:
        spill.add(portion(10, seed=1))
        assert spill.whole
        spill.add(portion(10_000, seed=1))
        spill.add(portion(10, seed=1))
        assert not spill.whole
        with pytest.raises(ValueError, match="nothing"):
            next(spill.portions())
    with Spill(tmp_path / "none", room=ROOM) as spill:
        spill.add(portion(10, seed=1))
        assert not spill.whole


@pytest.mark.parametrize("room", [0, 2000, ROOM])
def test_a_baseline_is_the_same_with_and_without(desk: Desk, room: int) -> None:
    """Bins, counts, means, windows and their sums, to the bit."""
    desk.configure()
    path = desk.write("\n".join([*weeks_of_rows().splitlines()[:400], ",9,pink", "2020-01-01T00:00:00Z,nan,"]))
    baseline, (part,) = read(desk, path)
    with Spill(desk.folder, room=room) as spill:
        kept, (same,) = read(desk, path, spill=spill)
        assert spill.whole == (room == ROOM)
    assert repr(kept.features) == repr(baseline.features)
    assert kept.counts.tolist() == baseline.counts.tolist()
    for name in ("starts", "rows", "counts", "sums"):
        assert np.array_equal(getattr(part, name), getattr(same, name))
