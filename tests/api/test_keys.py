"""`driftgauge key`, the mounted key, and the bind that needs one."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import postgres
from service import Service, command, environment

EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - the very bind that is tested
BAD: Final = (
    ("create", "--scope", "root"),
    ("create", "--scope", "read", "--expires-in", "soon"),
    ("revoke", "nobody"),
)


@pytest.fixture(scope="module")
def url(postgres_server: postgres.Server) -> str:
    """A migrated database without keys."""
    return postgres_server.url(postgres_server.create(template=postgres_server.template))


@pytest.fixture
def unstarted(url: str) -> Iterator[Service]:
    """The program on that database, not running."""
    service = Service({"DRIFTGAUGE_DATABASE_URL": url})
    yield service
    service.close()


def key(service: Service, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a sub-command of `key`."""
    return service.run("key", *words)


def test_a_public_bind_needs_a_key(postgres_server: postgres.Server) -> None:
    """Without any key the program does not serve on a public address, and tells what to do."""
    name = postgres_server.create(template=postgres_server.template)
    service = Service({"DRIFTGAUGE_DATABASE_URL": postgres_server.url(name)})
    ended = service.run("serve", "--host", EVERYWHERE, "--port", "0")
    assert ended.returncode == 78
    assert "driftgauge key create --scope admin" in ended.stderr
    assert not ended.stdout
    service.close()


def test_life_of_a_key(unstarted: Service) -> None:
    """Create, list, rotate and revoke: each key is shown once, and never again."""
    made = key(
        unstarted, "create", "--scope", "read", "--scope", "ingest", "--model", "a/b", "--expires-in", "24h", "--json"
    )
    first = json.loads(made.stdout)
    assert first.keys() == {"id", "key"}
    second = json.loads(key(unstarted, "rotate", first["id"], "--overlap", "1h", "--json").stdout)
    assert second["id"] != first["id"]
    assert key(unstarted, "revoke", first["id"]).returncode == 0
    listed = key(unstarted, "list").stdout
    assert first["key"] not in listed
    assert second["key"] not in listed
    shown = {one["id"]: one for one in map(json.loads, listed.splitlines())}
    assert shown[first["id"]]["state"] == "revoked"
    assert shown[first["id"]]["scopes"] == ["ingest", "read"]
    assert shown[first["id"]]["models"] == ["a/b"]
    assert shown[second["id"]]["state"] == "live"
    assert shown[second["id"]]["models"] == ["a/b"]
    assert shown[first["id"]]["expires_at"] < shown[second["id"]]["expires_at"]
    assert key(unstarted, "rotate", first["id"]).returncode == 1


def test_plain_print(unstarted: Service) -> None:
    """Without --json people read id and key."""
    printed = key(unstarted, "create", "--scope", "metrics", "--name", "prometheus").stdout.split()
    assert printed[0] == "id:"
    assert printed[2] == "key:"
    assert printed[3].startswith(f"dm_{printed[1]}_")


def test_mistakes(unstarted: Service) -> None:
    """A mistake makes no key."""
    before = key(unstarted, "list").stdout
    for words in BAD:
        ended = key(unstarted, *words)
        assert ended.returncode in {1, 2}, words
        assert not ended.stdout
    assert key(unstarted, "list").stdout == before


def test_bootstrap_file(postgres_server: postgres.Server, tmp_path: Path) -> None:
    """A mounted key opens the door from the first start on, and the second start changes nothing."""
    name = postgres_server.create(template=postgres_server.template)
    mounted, scraper = tmp_path / "key", tmp_path / "metrics"
    settings = {
        "DRIFTGAUGE_DATABASE_URL": postgres_server.url(name),
        "DRIFTGAUGE_BOOTSTRAP_ADMIN_KEY_FILE": str(mounted),
        "DRIFTGAUGE_BOOTSTRAP_METRICS_KEY_FILE": str(scraper),
        "DRIFTGAUGE_HOST": EVERYWHERE,
    }
    mounted.write_text("not a key\n", encoding="ascii")
    service = Service(settings)
    refused = service.run("serve", "--port", "0")
    assert refused.returncode == 78
    assert "driftgauge key generate" in refused.stderr
    text = subprocess.run(command("key", "generate"), capture_output=True, text=True, check=True).stdout
    mounted.write_text(text, encoding="ascii")
    other = subprocess.run(command("key", "generate"), capture_output=True, text=True, check=True).stdout
    scraper.write_text(other, encoding="ascii")
    for _ in range(2):
        service.start()
        local = service.url.replace(EVERYWHERE, "127.0.0.1")
        service.url = local
        assert service.client.get("/v1/models").status_code == 401
        headers = {"Authorization": f"Bearer {text.strip()}"}
        assert service.client.get("/v1/models", headers=headers).status_code == 200
        headers = {"Authorization": f"Bearer {other.strip()}"}
        assert service.client.get("/metrics", headers=headers).status_code == 200
        assert service.client.get("/v1/models", headers=headers).status_code == 403
        assert service.stop() == 0
    listed = service.run("key", "list").stdout.splitlines()
    assert len(listed) == 2
    assert text.strip() not in service.log.read_text(encoding="utf-8")
    service.close()


def test_a_missing_file_is_told(url: str, tmp_path: Path) -> None:
    """A file that is not mounted ends the start."""
    settings = {"DRIFTGAUGE_DATABASE_URL": url, "DRIFTGAUGE_BOOTSTRAP_ADMIN_KEY_FILE": str(tmp_path / "none")}
    words = command("serve", "--port", "0")
    ended = subprocess.run(words, env=environment(tmp_path, settings), capture_output=True, text=True, check=False)
    assert ended.returncode == 78
    assert str(tmp_path) in ended.stderr
