"""Before the first key, on a loopback address."""

import json
from collections.abc import Iterator
from typing import Final

import pytest

import postgres
from service import Service, until

LIMITS: Final = "/v1/limits"
EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - as a Host, not as a bind


@pytest.fixture(scope="module")
def ajar(postgres_server: postgres.Server) -> Iterator[Service]:
    """A service without any key."""
    name = postgres_server.create(template=postgres_server.template)
    with Service({"DRIFTGAUGE_DATABASE_URL": postgres_server.url(name)}) as running:
        yield running


def test_open(ajar: Service) -> None:
    """Everything is open, and says so."""
    for path in ("/v1/models", "/metrics", "/docs", "/openapi.json", "/v1/audit"):
        answer = ajar.client.get(path)
        assert (answer.status_code, answer.headers["x-auth-mode"]) == (200, "open")
    assert ajar.log.read_text(encoding="utf-8").count("OPEN MODE") == 1


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]", "[::1]:9"])
def test_local_hosts(ajar: Service, host: str) -> None:
    """Names of this machine are lawful hosts."""
    assert ajar.client.get(LIMITS, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.2", EVERYWHERE, "a@localhost", ""])
def test_foreign_hosts(ajar: Service, host: str) -> None:
    """A name that somebody rebound to this machine is not."""
    answer = ajar.client.get(LIMITS, headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign-host")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1", "https://evil"])
def test_foreign_pages(ajar: Service, origin: str) -> None:
    """A page of another origin is turned away; our own is not."""
    answer = ajar.client.put("/v1/models/csrf", json={}, headers={"Origin": origin})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign-origin")
    assert ajar.client.get(LIMITS, headers={"Origin": ajar.url}).status_code == 200
    assert ajar.client.get("/v1/models/csrf").status_code == 404


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For"])
def test_proxies(ajar: Service, header: str) -> None:
    """Behind a proxy the address says nothing about who asks."""
    answer = ajar.client.get(LIMITS, headers={header: "for=10.0.0.1"})
    assert (answer.status_code, answer.json()["code"]) == (403, "proxied")
    assert ajar.client.get("/livez", headers={header: "for=10.0.0.1"}).status_code == 200


def test_the_first_key_ends_it(ajar: Service) -> None:
    """Within ten seconds of the first key nobody is let in without one, and its end opens nothing again."""
    made = json.loads(ajar.run("key", "create", "--scope", "admin", "--expires-in", "8s", "--json").stdout)
    until(lambda: ajar.client.get(LIMITS).status_code == 401, seconds=10, what="the end of open mode")
    headers = {"Authorization": f"Bearer {made['key']}"}
    until(lambda: ajar.client.get(LIMITS, headers=headers).status_code == 401, what="the end of the key")
    assert ajar.client.get(LIMITS).status_code == 401
