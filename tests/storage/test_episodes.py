"""Episodes as they are stored."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection

from app.storage import episodes
from app.storage.episodes import Episode
from storage.books import HOUR_US, NOW_US

pytestmark = pytest.mark.postgres


def _episode(name: str, hour: int, **changes: object) -> Episode:
    plain = Episode(name, "default", "x", "evidence", "critical", hour * HOUR_US, None, 5.5, None, None, [])
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_a_recomputation_replaces_what_follows(conn: Connection) -> None:
    """Episodes that no longer stand disappear from the instant on; earlier ones and other versions stay."""
    early, gone, kept = _episode("early", 1), _episode("gone", 5), _episode("kept", 6)
    canary = _episode("canary", 7, version="canary")
    episodes.replace(conn, 7, "default", episodes=[early, gone, kept], since_us=0)
    episodes.replace(conn, 7, "canary", episodes=[canary], since_us=0)
    grown = replace(kept, end_us=9 * HOUR_US, peak=9.0, cause="nulls", group="g", top_bins=[{"bin": "null", "z": 3.0}])
    episodes.replace(conn, 7, "default", episodes=[grown], since_us=5 * HOUR_US)
    assert episodes.listed(conn, 7) == [early, grown, canary]
    episodes.replace(conn, 7, "default", episodes=[], since_us=0)
    assert episodes.listed(conn, 7) == [canary]


def test_a_verdict_outlives_recomputation(conn: Connection) -> None:
    """What a person said stays with the episode as long as it stands."""
    episodes.replace(conn, 7, "default", episodes=[_episode("e", 1)], since_us=0)
    judged = episodes.judge(conn, 7, "e", verdict="normal", note="sale", now_us=NOW_US, window_us=HOUR_US)
    episodes.replace(conn, 7, "default", episodes=[_episode("e", 1, peak=7.0)], since_us=0)
    assert judged is not None
    assert episodes.find(conn, 7, "e") == replace(judged, peak=7.0)
    assert (judged.verdict, judged.note, judged.verdict_us) == ("normal", "sale", NOW_US)
    assert judged.verdicts == (("normal", HOUR_US),)
    assert episodes.judge(conn, 7, "other", verdict="normal", note=None, now_us=NOW_US, window_us=0) is None
    assert episodes.find(conn, 8, "e") is None


def test_the_filters(conn: Connection) -> None:
    """Episodes are found by range, feature, version and whether they are open."""
    first = _episode("1", 1, end_us=2 * HOUR_US)
    second = _episode("2", 2, feature="y")
    third = _episode("3", 3, version="canary")
    episodes.replace(conn, 7, "default", episodes=[second, first], since_us=0)
    episodes.replace(conn, 7, "canary", episodes=[third], since_us=0)
    assert episodes.listed(conn, 7, from_us=2 * HOUR_US, to_us=3 * HOUR_US) == [second]
    assert episodes.listed(conn, 7, feature="x") == [first, third]
    assert episodes.listed(conn, 7, version="canary") == [third]
    assert episodes.listed(conn, 7, open_only=True) == [second, third]


def test_episodes_of_days_keep_to_themselves(conn: Connection) -> None:
    """They are listed when asked for, and neither list replaces the other."""
    own, daily = _episode("a", 1), replace(_episode("1d-a", 1), length_us=24 * HOUR_US, severity="warning")
    episodes.replace(conn, 7, "default", episodes=[own], since_us=0)
    episodes.replace(conn, 7, "default", episodes=[daily], since_us=0, length_us=24 * HOUR_US)
    assert episodes.listed(conn, 7) == [own]
    assert episodes.listed(conn, 7, length_us=24 * HOUR_US) == [daily]
    assert episodes.listed(conn, 7, length_us=None) == [own, daily]
    assert episodes.recent(conn, since_us=0) == {7: [own]}
    episodes.replace(conn, 7, "default", episodes=[], since_us=0)
    assert episodes.listed(conn, 7, length_us=None) == [daily]


def test_a_verdict_waits_for_an_episode_that_stands_no_more(conn: Connection) -> None:
    """What was said of it is read on by those who judge, nobody else sees it, and it is there when it stands again."""
    episodes.replace(conn, 7, "default", episodes=[_episode("e", 1), _episode("f", 1)], since_us=0)
    judged = episodes.judge(conn, 7, "e", verdict="normal", note="sale", now_us=NOW_US, window_us=HOUR_US)
    episodes.replace(conn, 7, "default", episodes=[], since_us=0)
    assert episodes.listed(conn, 7, length_us=None) == []
    assert episodes.recent(conn, since_us=0) == {}
    assert episodes.find(conn, 7, "e") is None
    assert episodes.verdicts(conn, 7, version="default", length_us=0) == [("e", (("normal", HOUR_US),))]
    assert episodes.verdicts(conn, 7, version="canary", length_us=0) == []
    episodes.replace(conn, 7, "default", episodes=[_episode("e", 1)], since_us=0)
    assert episodes.listed(conn, 7) == [judged]


def test_what_follows_a_step_stays(conn: Connection) -> None:
    """Episodes after it are left alone; of one that is open at its end only the bins change, and a new one waits."""
    past, later = _episode("past", 1, end_us=3 * HOUR_US), _episode("later", 9)
    episodes.replace(conn, 7, "default", episodes=[past, _episode("gone", 2), later], since_us=0)
    open_now = replace(past, end_us=None, peak=9.0, top_bins=[{"z": 3.0}])
    fresh = _episode("fresh", 4)
    episodes.replace(conn, 7, "default", episodes=[], unsettled=[open_now, fresh], since_us=0, until_us=5 * HOUR_US)
    assert episodes.listed(conn, 7) == [replace(past, top_bins=[{"z": 3.0}]), later]
    assert episodes.find(conn, 7, "fresh") is None
    episodes.replace(conn, 7, "default", episodes=[fresh, later], since_us=4 * HOUR_US)
    assert episodes.listed(conn, 7) == [replace(past, top_bins=[{"z": 3.0}]), fresh, later]
