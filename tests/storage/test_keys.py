"""API keys as they are stored."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection

from app.storage import exposition, keys
from app.storage.keys import ApiKey
from storage.books import NOW_US

pytestmark = pytest.mark.postgres

KEY = ApiKey("k1", "sidecar", frozenset({"ingest", "read"}), frozenset({"a/b", "ü"}), NOW_US, expires_us=NOW_US + 100)


def test_a_key_is_found_by_its_id(conn: Connection) -> None:
    """What goes in comes out equal; without models it is for all."""
    everywhere = ApiKey("k2", "root", frozenset({"admin"}), None, NOW_US + 1)
    keys.add(conn, KEY, hash_=b"1" * 32)
    keys.add(conn, everywhere, hash_=b"2" * 32)
    assert keys.held_by_id(conn, "k1") == (KEY, b"1" * 32)
    assert keys.held_by_id(conn, "k3") is None
    assert keys.listed(conn) == [KEY, everywhere]


def test_a_key_ends(conn: Connection) -> None:
    """Revocation keeps its first instant; expiry can be moved; a key once made is remembered."""
    assert not keys.any_made(conn)
    keys.add(conn, KEY, hash_=b"1")
    assert keys.expire(conn, "k1", at_us=NOW_US + 200)
    assert keys.revoke(conn, "k1", now_us=NOW_US + 5)
    assert keys.revoke(conn, "k1", now_us=NOW_US + 9)
    assert not keys.revoke(conn, "k9", now_us=NOW_US)
    ended = replace(KEY, expires_us=NOW_US + 200, revoked_us=NOW_US + 5)
    assert keys.held_by_id(conn, "k1") == (ended, b"1")
    assert keys.any_made(conn)


def test_keys_that_ended_long_ago_are_not_held(conn: Connection) -> None:
    """A replica holds the living and the lately ended."""
    everywhere = ApiKey("k2", "root", frozenset({"admin"}), None, NOW_US)
    keys.add(conn, KEY, hash_=b"1")
    keys.add(conn, everywhere, hash_=b"2")
    assert keys.held(conn, ended_after_us=NOW_US) == {"k1": (KEY, b"1"), "k2": (everywhere, b"2")}
    assert keys.held(conn, ended_after_us=NOW_US + 100) == {"k2": (everywhere, b"2")}
    keys.revoke(conn, "k2", now_us=NOW_US + 1)
    assert not keys.held(conn, ended_after_us=NOW_US + 100)


def test_the_last_use_only_moves_forward(conn: Connection) -> None:
    """Replicas report uses in any order."""
    keys.add(conn, KEY, hash_=b"1")
    keys.touch(conn, {"k1": NOW_US + 7})
    keys.touch(conn, {"k1": NOW_US + 3, "gone": NOW_US})
    assert keys.held_by_id(conn, "k1") == (replace(KEY, last_used_us=NOW_US + 7), b"1")


def test_the_exposition_counts_changes(conn: Connection) -> None:
    """Every bump is a new revision."""
    before = exposition.revision(conn)
    assert exposition.bump(conn) == before + 1
    assert exposition.revision(conn) == before + 1
