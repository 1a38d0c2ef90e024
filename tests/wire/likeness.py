"""Tables that are read in two ways hold the same values."""

import numpy as np

from app.wire.table import RawColumn, Table
from app.wire.values import categorical, numeric


def counted(raw: RawColumn) -> list[object]:
    """A column as both kinds of feature see it."""
    numbers, words = numeric(raw), categorical(raw)
    state = np.zeros(len(numbers), np.uint8) if numbers.state is None else numbers.state
    texts = [words.categories[code] if code >= 0 else code for code in words.codes.tolist()]
    return [np.where(state == 0, numbers.values, 0.0).tobytes(), state.tolist(), texts]


def same(quick: Table | None, slow: Table) -> None:
    """Compare a table with the one read the long way, if there is one."""
    if quick is None:
        return
    assert (quick.rows, quick.received, list(quick.columns)) == (slow.rows, slow.received, list(slow.columns))
    assert {name: counted(quick.columns[name]) for name in quick.columns} == {
        name: counted(slow.columns[name]) for name in slow.columns
    }
