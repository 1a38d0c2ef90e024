"""API keys as they are stored."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection

from app.storage import exposition, keys
from app.storage.keys import ApiKey
from storage.books import NOW_US

pytestmark = pytest.mark.postgres

KEY = ApiKey("k1", "sidecar", frozenset({"ingest", "read"}), frozenset({"a/b", "ü"}), NOW_US, expires_us=NOW_US + 100)


def test_a_key_is_found_by_its_hash(conn: Connection) -> None:
    """What goes in comes out equal; without models it is for all."""
    everywhere = ApiKey("k2", "root", frozenset({"admin"}), None, NOW_US + 1)
    keys.add(conn, KEY, hash_=b"1" * 32)
    keys.add(conn, everywhere, hash_=b"2" * 32)
    assert keys.by_hash(conn, b"1" * 32) == KEY
    assert keys.by_hash(conn, b"3" * 32) is None
    assert keys.listed(conn) == [KEY, everywhere]


def test_a_key_ends(conn: Connection) -> None:
    """Revocation keeps its first instant; expiry can be moved; the open mode ends with the first live key."""
    assert not keys.any_live(conn, NOW_US)
    keys.add(conn, KEY, hash_=b"1")
    assert keys.any_live(conn, NOW_US)
    assert not keys.any_live(conn, NOW_US + 100)
    assert keys.expire(conn, "k1", at_us=NOW_US + 200)
    assert keys.any_live(conn, NOW_US + 100)
    assert keys.revoke(conn, "k1", now_us=NOW_US + 5)
    assert keys.revoke(conn, "k1", now_us=NOW_US + 9)
    assert not keys.revoke(conn, "k9", now_us=NOW_US)
    assert keys.by_hash(conn, b"1") == replace(KEY, expires_us=NOW_US + 200, revoked_us=NOW_US + 5)
    assert not keys.any_live(conn, NOW_US)


def test_the_last_use_only_moves_forward(conn: Connection) -> None:
    """Replicas report uses in any order."""
    keys.add(conn, KEY, hash_=b"1")
    keys.touch(conn, {"k1": NOW_US + 7})
    keys.touch(conn, {"k1": NOW_US + 3, "gone": NOW_US})
    assert keys.by_hash(conn, b"1") == replace(KEY, last_used_us=NOW_US + 7)


def test_the_exposition_counts_changes(conn: Connection) -> None:
    """Every bump is a new revision."""
    before = exposition.revision(conn)
    assert exposition.bump(conn) == before + 1
    assert exposition.revision(conn) == before + 1
