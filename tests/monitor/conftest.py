"""A service on a database of its own, and one that has learnt two quiet weeks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.drift.context import WEEK_US
from app.storage.database import Database
from monitor.desk import MONDAY, Desk, opened, weeks_of_rows


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    """A service without any model, on the first Monday."""
    with opened(database, tmp_path) as found:
        yield found


@pytest.fixture
def small(desk: Desk) -> Desk:
    """A model with a baseline of three rows: x of 1, 2, 3 and a colour."""
    desk.configure(window="1h")
    desk.reference(desk.write("x,colour\n1,red\n2,red\n3,blue\n"))
    return desk


@pytest.fixture
def learnt(desk: Desk) -> Desk:
    """A model with a baseline of two quiet weeks of forty rows an hour; the clock stands eight weeks later."""
    desk.at(MONDAY + 10 * WEEK_US).configure(window="1h")
    desk.reference(desk.write(weeks_of_rows()))
    return desk
