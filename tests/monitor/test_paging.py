"""Episodes that belong together are one incident, with one name from beginning to end."""

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.monitor.paging import Incident, incidents
from app.storage.episodes import Episode


def episode(
    feature: str, statistic: str = "evidence", *, start: int = 0, end: int | None = None, group: str = ""
) -> Episode:
    """An episode from window to window."""
    name = f"{feature} {statistic} {start}"
    return Episode(name, "default", feature, statistic, "critical", start, end, 5, "mix", group or name, [])


def named(*given: Episode, at: int = 1000) -> list[tuple[str, str, int]]:
    """The open incidents as they are at a window, when later windows are not known yet."""
    seen = [
        episode(one.feature, one.statistic, start=one.start_us, end=end, group=one.group or "")
        for one in given
        if one.start_us <= at
        for end in [one.end_us if one.end_us is not None and one.end_us <= at else None]
    ]
    Random(1).shuffle(seen)
    found = incidents(seen, length_us=1)
    return [(one.feature, one.statistic, one.start_us) for one in found if one.end_us is None]


def test_nothing_open() -> None:
    """No episode, no incident; none that is open when all are closed."""
    assert named() == []
    assert named(episode("x", end=5)) == []
    assert incidents([episode("x", end=5)], length_us=1) == [Incident("x", "evidence", 0, 5)]


def test_nulls_are_told_as_nulls() -> None:
    """The share of nulls and the evidence of the same feature are one incident, named by what says more."""
    assert named(episode("x"), episode("x", "null_ratio")) == [("x", "null_ratio", 0)]


def test_a_broken_join() -> None:
    """What begins within two windows is one incident; the number of rows gives it no name while a feature can."""
    assert named(episode("b", start=1), episode("a"), episode("", "volume")) == [("a", "evidence", 0)]
    assert named(episode("b", start=2), episode("a")) == [("a", "evidence", 0)]


def test_a_second_line_of_the_same_feature() -> None:
    """What crosses another line later is in the incident already, and so is who began with it."""
    late = episode("x", "null_ratio", start=9, group="h"), episode("y", start=9, group="h")
    assert named(episode("x"), *late) == [("x", "evidence", 0)]


def test_two_causes() -> None:
    """Another feature that breaks later is another incident, and so is the same one after it was well."""
    assert named(episode("x"), episode("y", start=9)) == [("x", "evidence", 0), ("y", "evidence", 9)]
    assert named(episode("x", end=4), episode("x", "null_ratio", start=9)) == [("x", "null_ratio", 9)]


def test_the_name_outlives_who_gave_it() -> None:
    """Whichever episodes close first, the incident keeps its name, over groups and over features."""
    story = (
        episode("a", end=6, group="g"),
        episode("b", start=1, end=8, group="g"),
        episode("a", "null_ratio", start=3, end=7, group="h"),
        episode("c", start=4, end=20, group="h"),
    )
    assert {tuple(named(*story, at=at)) for at in range(20)} == {(("a", "evidence", 0),)}
    assert named(*story, at=20) == []


def normal(found: Episode, at: int) -> Episode:
    """What a person called normal when this window was the newest."""
    return replace(found, verdict="normal", verdicts=(("failure", 0), ("normal", at)))


def paging(*given: Episode) -> list[tuple[str, str]]:
    """The incidents that page."""
    return [(one.feature, one.statistic) for one in incidents(given, length_us=1) if one.pages()]


def test_normal_is_no_page() -> None:
    """An incident pages until each of its features was called normal; one word holds for all a feature did before."""
    whole = episode("a"), episode("a", "null_ratio", start=4), episode("b", start=1)
    assert paging(*whole) == [("a", "evidence")]
    assert paging(normal(whole[0], 5), *whole[1:]) == [("a", "evidence")]
    assert paging(normal(whole[0], 5), whole[1], normal(whole[2], 5)) == []
    assert paging(normal(whole[0], 5), whole[1], replace(whole[2], end_us=7)) == []


def test_what_begins_after_it_was_called_normal() -> None:
    """It is another incident, of the same feature too, with a name of its own."""
    settled = normal(episode("a"), 5)
    assert paging(settled, episode("a", "null_ratio", start=6)) == [("a", "null_ratio")]
    assert paging(settled, episode("b", start=6, group="a evidence 0")) == [("b", "evidence")]
    assert paging(replace(settled, verdict="failure"), episode("a", "null_ratio", start=6)) == [("a", "evidence")]


def test_a_group_without_a_name() -> None:
    """An episode that was stored without a group stands alone."""
    lonely = Episode("i", "default", "x", "evidence", "critical", 0, None, 5, "mix", None, [])
    assert [one.feature for one in incidents([lonely], length_us=1)] == ["x"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcd"), st.sampled_from(["evidence", "null_ratio"]), st.integers(0, 30), st.integers(1, 9)
        ),
        max_size=8,
        unique_by=lambda one: one[:3],
    )
)
def test_an_open_incident_never_changes_its_name(drawn: list[tuple[str, str, int, int]]) -> None:
    """As windows pass, an incident is called what it was called when it opened, until it closes."""
    story = [episode(feature, statistic, start=start, end=start + lasts) for feature, statistic, start, lasts in drawn]
    before: set[tuple[str, str, int]] = set()
    for at in range(45):
        now = set(named(*story, at=at))
        assert all(start == at for _, _, start in now - before)
        before = now
