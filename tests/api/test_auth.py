"""Who gets in: keys as they are shown, spent, ended and guessed."""

import base64
import json
import socket
import time
from collections.abc import Iterator
from random import Random
from typing import Final

import httpx
import pytest

import postgres
from api.locked import TESTER, Locked, key_id, locked_service
from app.monitor import keys
from app.monitor.tokens import mint
from service import until

LIMITS: Final = "/v1/limits"
LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.fixture(scope="module")
def strict(postgres_server: postgres.Server) -> Iterator[Locked]:
    """A service that bears three wrong keys a second and small quotas."""
    name = postgres_server.create(template=postgres_server.template)
    settings = {
        "DRIFTGAUGE_MAX_AUTH_FAILURES_PER_ADDRESS": "3",
        "DRIFTGAUGE_MAX_KEY_REQUESTS": "5",
        "DRIFTGAUGE_MAX_DOCUMENT_BYTES": "1000",
    }
    with locked_service(postgres_server.url(name), settings) as running:
        yield running


def basic(key: str) -> dict[str, str]:
    """Write a key as the password of Basic."""
    return {"Authorization": "Basic " + base64.b64encode(f"prometheus:{key}".encode()).decode()}


def test_bearer_and_basic(locked: Locked) -> None:
    """Both ways to show a key open the door, in any case of the word."""
    key = locked.key("read")
    assert locked.call("GET", LIMITS, key).status_code == 200
    assert locked.call("GET", LIMITS, headers=basic(key)).status_code == 200
    assert locked.call("GET", LIMITS, headers={"Authorization": f"bearer  {key}"}).status_code == 200
    assert "x-auth-mode" not in locked.call("GET", LIMITS, key).headers


@pytest.mark.parametrize(
    "shown",
    ["", "Bearer", "Bearer x", "Digest x", "Basic", "Basic !!", "Basic cHJvbQ==", "Basic /w==", "Bearer dm_a_b_c"],
)
def test_what_is_no_key(locked: Locked, shown: str) -> None:
    """Anything else in the header is 401."""
    answer = locked.call("GET", LIMITS, headers={"Authorization": shown})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid-key")


def test_two_keys_are_no_key(locked: Locked) -> None:
    """Two headers leave open who asks, so nobody does."""
    key = locked.key("read")
    twice = [("Authorization", f"Bearer {key}"), ("Authorization", f"Bearer {key}")]
    assert locked.service.client.get(LIMITS, headers=twice).status_code == 401


def test_keys_in_the_url(locked: Locked) -> None:
    """A key in the query is refused, under any name and any escape."""
    key = locked.key("read")
    for query in (f"key={key}", f"x={key.replace('_', '%5F')}", "access_token=abc", f"a=1&{key}"):
        answer = locked.call("GET", f"{LIMITS}?{query}", key)
        assert (answer.status_code, answer.json()["code"]) == (400, "key-in-query")


@pytest.mark.parametrize("query", ["version=%ED%A0%80", "version=%FF", "x=a%C3", "%80=1"])
def test_a_query_is_utf8(locked: Locked, query: str) -> None:
    """Bytes that no name can hold are refused, not read as another name."""
    answer = locked.call("GET", f"{LIMITS}?{query}", locked.key("read"))
    assert (answer.status_code, answer.json()["code"]) == (400, "undecodable")


def test_one_character_off(locked: Locked) -> None:
    """Of a thousand keys that differ in one character none opens anything, and none is worth a wait."""
    key, random = locked.key("read"), Random(8)
    for _ in range(1000):
        position = random.randrange(len(key))
        letter = random.choice(LETTERS.replace(key[position], ""))
        answer = locked.call("GET", LIMITS, key[:position] + letter + key[position + 1 :])
        assert answer.status_code == 401


def test_guesses_are_slowed(strict: Locked) -> None:
    """Well-formed guesses are 401 and soon 429, while those who hold a key go on."""
    answers = [strict.call("GET", LIMITS, mint().text) for _ in range(10)]
    assert [answer.status_code for answer in answers[:3]] == [401] * 3
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert {answer.json()["code"] for answer in refused} == {"too-many-failures"}
    assert all(1 <= int(answer.headers["retry-after"]) <= 30 for answer in refused)
    assert strict.call("GET", LIMITS, strict.made[0]).status_code == 200


def test_ended_keys(locked: Locked) -> None:
    """A revoked key and an expired one open nothing; a wrong secret of a known id neither."""
    dead, short = locked.key("read"), locked.key("read", expires_in_us=3_000_000)
    until(lambda: locked.call("GET", LIMITS, dead).status_code == 200, what="the key")
    keys.revoke(locked.office, key_id(dead), author=TESTER)
    for key in (dead, short):
        until(lambda: locked.call("GET", LIMITS, key).status_code == 401, seconds=10, what="the end")  # noqa: B023 - used at once
    for path in ("/v1/models", "/metrics", "/openapi.json", "/nowhere"):
        assert locked.call("GET", path, dead).status_code == 401
    metrics = locked.call("GET", "/metrics", locked.made[0]).text
    for reason in ("missing", "malformed", "unknown", "expired", "revoked"):
        locked.call("GET", LIMITS, mint().text)
        assert f'driftgauge_auth_failures_total{{reason="{reason}"}}' in metrics or reason in {"missing", "unknown"}


def test_rotation(locked: Locked) -> None:
    """During the overlap both keys open, then only the new one."""
    old = locked.key("read", models=["a"])
    new = keys.rotate(locked.office, key_id(old), overlap_us=3_000_000, author=TESTER).text
    assert locked.call("GET", LIMITS, new).status_code == 200
    until(lambda: locked.call("GET", LIMITS, old).status_code == 401, seconds=10, what="the end of the overlap")
    assert locked.call("GET", "/v1/models/b", new).status_code == 404


def test_the_trail_names_keys(locked: Locked) -> None:
    """A change is recorded with the id of the key that made it, and the making of keys too."""
    key = locked.key("admin")
    assert locked.call("PUT", "/v1/models/trail", key, json={}, headers={"X-Request-Id": "abc-1"}).status_code == 201
    events = locked.call("GET", "/v1/audit", key).json()
    change = next(event for event in events if event["object"] == "trail")
    assert (change["actor"], change["request_id"]) == (key_id(key), "abc-1")
    made = next(event for event in events if event["object"] == f"key {key_id(key)}")
    assert (made["actor"], made["action"]) == ("tester", "key.create")
    assert key not in json.dumps(events)


def test_last_use_is_noted(postgres_server: postgres.Server) -> None:
    """A key that was used says when, at the latest when the replica ends."""
    name = postgres_server.create(template=postgres_server.template)
    with locked_service(postgres_server.url(name)) as running:
        key = running.key("read")
        assert running.call("GET", LIMITS, key).status_code == 200
        running.service.stop()
        used = {one["id"]: one["last_used_at"] for one in keys.listed(running.office)}
        assert used[key_id(key)] is not None
        assert used[key_id(running.made[0])] is None


def test_strangers_send_no_body(locked: Locked) -> None:
    """The answer comes before the body, which is never asked for."""
    host, port = locked.service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        head = (
            "PUT /v1/models/a/batches/b HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9000000\r\n\r\n"
        )
        client.sendall(head.encode())
        assert client.recv(65536).startswith(b"HTTP/1.1 401")


def test_quota(strict: Locked) -> None:
    """A key beyond its own quota is 429, another goes on."""
    first, second = strict.key("ingest"), strict.key("ingest")
    answers = [strict.call("PUT", "/v1/models/none/batches/a", first, json=[]) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {404, 429}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["code"] == "quota-exceeded"
    assert refused.json()["retryable"] is True
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert strict.call("PUT", "/v1/models/none/batches/a", second, json=[]).status_code == 404


def test_documents_are_bounded(strict: Locked) -> None:
    """A document that manages a model has a size, announced or not."""
    big = b'{"time_column": "' + b"x" * 2000 + b'"}'
    for content in (big, iter([big])):
        answer = strict.call(
            "PUT", "/v1/models/big", strict.made[0], content=content, headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")
        assert answer.json()["limit"] == 1000


def test_no_key_in_logs(locked: Locked, strict: Locked) -> None:
    """Whatever was shown, logs and answers hold no key."""
    for running in (locked, strict):
        guess = mint().text
        running.call("GET", LIMITS, guess)
        log = running.service.log.read_text(encoding="utf-8")
        assert not any(key in log or key.split("_")[2] in log for key in [*running.made, guess])
        for line in log.splitlines():
            json.loads(line)


def test_request_ids(locked: Locked) -> None:
    """A lawful X-Request-Id comes back, in problems too; another is replaced."""
    answer = locked.call("GET", "/v1/models/nobody", locked.made[0], headers={"X-Request-Id": "r-1"})
    assert answer.headers["x-request-id"] == answer.json()["instance"] == "r-1"
    for unlawful in ("a b", "x" * 129, ""):
        answer = locked.call("GET", LIMITS, locked.made[0], headers={"X-Request-Id": unlawful})
        assert answer.headers["x-request-id"].startswith("req_")


def test_a_lost_database_mutes_no_scrape(postgres_server: postgres.Server) -> None:
    """Without its database a replica lets nobody do anything, but who could scrape still can."""
    name = postgres_server.create(template=postgres_server.template)
    with locked_service(postgres_server.url(name)) as running:
        key = running.key("metrics", "read")
        assert running.call("GET", "/metrics", key).status_code == 200
        postgres_server.run(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        postgres_server.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608 - a name of ours

        def locked_out() -> bool:
            answer: httpx.Response = running.call("GET", LIMITS, key)
            assert answer.status_code in {200, 503}
            return answer.status_code == 503

        until(locked_out, seconds=25, what="distrust")
        assert running.call("GET", "/metrics", key).status_code == 200
        assert running.call("GET", "/livez").status_code == 200
        postgres_server.run(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        started = time.monotonic()
        until(lambda: running.call("GET", LIMITS, key).status_code == 200, what="trust")
        assert time.monotonic() >= started
