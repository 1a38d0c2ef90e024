"""Episodes that belong together are one incident, with one name from beginning to end."""

from dataclasses import replace
from random import Random

from app.monitor.paging import Incident, incidents, rank
from app.storage.episodes import Episode


def episode(feature: str, statistic: str = "evidence", *, start: int = 0, group: str = "g") -> Episode:
    """An open episode."""
    return Episode(
        f"{feature}{statistic}{start}", "default", feature, statistic, "critical", start, None, 5, "mix", group, []
    )


def named(*running: Episode, closed: tuple[Episode, ...] = ()) -> list[Incident]:
    """The incidents of these open episodes; closed ones still name their groups."""
    firsts: dict[str | None, Episode] = {}
    for one in sorted([*running, *closed], key=rank):
        firsts.setdefault(one.group, one)
    shuffled = [*running]
    Random(1).shuffle(shuffled)
    return incidents(shuffled, firsts)


def test_nothing_open() -> None:
    """No episode, no incident."""
    assert named() == []


def test_nulls_are_told_as_nulls() -> None:
    """The share of nulls and the evidence of the same feature are one incident, named by what says more."""
    assert named(episode("x"), episode("x", "null_ratio")) == [Incident("x", "null_ratio", 0)]


def test_a_broken_join() -> None:
    """Features of one group are one incident; the number of rows gives it no name while a feature can."""
    assert named(episode("b"), episode("a"), episode("", "volume")) == [Incident("a", "evidence", 0)]


def test_a_second_line_of_the_same_feature() -> None:
    """What crosses another line later is in the incident already, and so is who began with it."""
    late = episode("x", "null_ratio", start=9, group="h"), episode("y", start=9, group="h")
    assert named(episode("x"), *late) == [Incident("x", "evidence", 0)]


def test_two_causes() -> None:
    """Another feature that breaks later is another incident."""
    assert named(episode("x"), episode("y", start=9, group="h")) == [
        Incident("x", "evidence", 0),
        Incident("y", "evidence", 9),
    ]


def test_the_name_outlives_who_gave_it() -> None:
    """When the first episode closes before the others the incident keeps its name, and takes it back again."""
    first, other = episode("a"), episode("b")
    assert named(other, closed=(replace(first, end_us=5),)) == [Incident("a", "evidence", 0)]
    again = episode("a", start=8, group="h")
    assert named(other, again, closed=(replace(first, end_us=5),)) == [Incident("a", "evidence", 0)]


def test_a_group_without_a_name() -> None:
    """An episode that was stored without a group stands alone."""
    lonely = replace(episode("x"), group=None)
    assert incidents([lonely], {}) == [Incident("x", "evidence", 0)]
