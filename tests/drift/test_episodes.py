"""Episodes open, close, stay out of the reference and come back."""

import numpy as np

from app.drift.context import HOUR_US
from app.drift.episodes import Episode, Register, Verdict, accepted, grouped, standing


def episode(start: int, end: int | None, *, feature: str = "x", version: str = "v") -> Episode:
    """An episode of evidence, in hours."""
    stop = None if end is None else end * HOUR_US
    return Episode(version, feature, "evidence", start * HOUR_US, stop, 5.0)


def test_hysteresis() -> None:
    """An episode opens past the line, lives on above half of it, and ends with the window that falls below."""
    register = Register("v", ())
    states = [
        register.turn("evidence", "x", start=w, evidence=e, line=4.0, signs=tuple)
        for w, e in enumerate([4.1, 4.6, 2.1, 2.0, 1.9])
    ]
    (found,) = register.all()
    assert states == [True, True, True, True, False]
    assert (found.start_us, found.end_us, found.peak) == (0, 4, 4.6)


def test_cause_is_final_at_the_sixth_window() -> None:
    """Signs are asked for six times and no more."""
    asked: list[int] = []

    def signs() -> tuple[float, ...]:
        asked.append(1)
        return ()

    register = Register("v", ())
    for w in range(9):
        register.turn("evidence", "x", start=w, evidence=5.0, line=4.0, signs=signs)
    assert len(asked) == register.all()[0].windows == 6


def test_a_cause_may_be_settled_together_until_it_is_final() -> None:
    """Two features that began two windows apart are late together; one that began ten windows later is alone."""
    near = (10.0, 8.0, -5.0, *[-10.0] * 22, 0.0, 0.0, 0.0, 0.0, 9.5, 0.0, 0.0, 0.0, 0.0)
    sure = (20.0, 19.0, -5.0, *[-20.0] * 22, 0.0, 0.0, 0.0, 0.0, 15.0, 0.0, 0.0, 0.0, 0.0)
    register = Register("v", ())

    def turned(feature: str, window: int, signs: tuple[float, ...]) -> None:
        register.turn("evidence", feature, start=window, evidence=5.0, line=4.0, signs=lambda: signs)

    def causes() -> list[str]:
        return [each.cause for each in register.all()]

    for window in range(2):
        turned("x", window, near)
        register.settle(length_us=1)
    assert causes() == ["location"]
    turned("x", 2, near)
    turned("y", 2, sure)
    register.settle(length_us=1)
    assert causes() == ["clock_shift", "clock_shift"]
    for window in range(3, 14):
        for feature in "xy":
            turned(feature, window, near)
        if window >= 12:
            turned("z", window, near)
        register.settle(length_us=1)
    assert causes() == ["clock_shift", "clock_shift", "location"]


def test_id_is_of_its_beginning_alone() -> None:
    """The end, the peak and the cause do not change the name; version, feature, statistic and start do."""
    assert episode(1, None).id == episode(1, 9).id
    assert len({episode(1, 9).id, episode(2, 9).id, episode(1, 9, feature="y").id, episode(1, 9, version="w").id}) == 4


def test_windows_of_episodes_do_not_vouch() -> None:
    """From its start up to its end a window is out, for that feature alone; the empty name is the volume."""
    starts = np.arange(6) * HOUR_US
    features, volume = accepted(starts, ["x", "y"], [episode(1, 3), episode(4, None, feature="")])
    assert features[:, 0].tolist() == [True, False, False, True, True, True]
    assert features[:, 1].all()
    assert volume.tolist() == [True] * 4 + [False] * 2


def test_a_verdict_counts_from_the_next_refit() -> None:
    """`normal` takes an episode away once it was given before; a later `failure` brings it back."""
    one = episode(1, 3)
    verdicts = [Verdict(one.id, normal=True, at_us=10), Verdict(one.id, normal=False, at_us=20)]
    assert [len(standing([one], verdicts, at_us=at)) for at in (10, 11, 21)] == [1, 0, 1]


def test_neighbours_in_time_are_one_group() -> None:
    """Starts in the same or in adjacent windows belong together; a gap or another version begins anew."""
    found = grouped(
        [
            episode(1, 2),
            episode(1, 2, feature="y"),
            episode(2, 4, feature="z"),
            episode(4, 5),
            episode(4, 5, version="w"),
        ],
        length_us=HOUR_US,
    )
    groups = {(each.version, each.feature, each.start_us // HOUR_US): each.group for each in found}
    assert groups["v", "x", 1] == groups["v", "y", 1] == groups["v", "z", 2]
    assert len(set(groups.values())) == 3


def test_signs_come_back_from_lists() -> None:
    """An episode read from JSON equals the one written."""
    assert Episode("v", "x", "evidence", 0, None, 1.0, signs=[1.0, 2.0]) == Episode(  # type: ignore[arg-type]
        "v", "x", "evidence", 0, None, 1.0, signs=(1.0, 2.0)
    )
