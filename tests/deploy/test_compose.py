"""The compose file and what it mounts."""

import json
import os
import shutil
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import psycopg
import pytest
import yaml

import postgres
from app.settings import PREFIX, Settings
from metrics.tools import ROOT, promtool

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def mounts() -> dict[str, Path]:
    """The files of ours that services see, by where they see them."""
    found = {}
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", ()):
            source, target, *_ = volume.split(":")
            if source.startswith("."):
                found[target] = DEPLOY / source
    return found


def test_schema() -> None:
    """It is a compose file by the compose specification's own schema."""
    vendored = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(COMPOSE, json.loads(vendored.read_text(encoding="utf-8")))


def test_what_is_mounted_exists() -> None:
    """Every file it mounts is in the checkout, read-only, and every secret and volume is declared."""
    assert all(path.exists() for path in mounts().values())
    declared = COMPOSE["secrets"].keys()
    for service in COMPOSE["services"].values():
        assert set(service.get("secrets", ())) <= declared
        for volume in service.get("volumes", ()):
            source, _, *mode = volume.split(":")
            assert mode == ["ro"] if source.startswith(".") else source in COMPOSE["volumes"]


def test_settings_are_ours() -> None:
    """Every variable of ours that a service is given is a setting."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    given = {name for service in COMPOSE["services"].values() for name in service.get("environment", {})}
    assert {name for name in given if name.startswith(PREFIX)} <= known


def test_prometheus_reads_its_configuration(tmp_path: Path) -> None:
    """By promtool: what Prometheus finds in its folder is lawful: configuration, rules and a key."""
    config = mounts()["/etc/prometheus/prometheus.yml"].read_text(encoding="utf-8")
    (tmp_path / "prometheus.yml").write_text(config.replace("/run/secrets/", f"{tmp_path}/"), encoding="utf-8")
    (tmp_path / "metrics_key").write_text("dm_key", encoding="ascii")
    shutil.copy(mounts()["/etc/prometheus/driftgauge.rules.yml"], tmp_path)
    done = promtool("check", "config", str(tmp_path / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "/run/secrets/metrics_key" in config
    names = yaml.safe_load(config)["scrape_configs"][0]["dns_sd_configs"][0]["names"]
    assert set(names) <= COMPOSE["services"].keys()


@pytest.mark.postgres
def test_grafana_reads_and_never_writes(postgres_server: postgres.Server) -> None:
    """The user that the script makes sees tables made later, and can change none."""
    if shutil.which("psql") is None:
        assert not os.environ.get("CI"), "psql is missing in CI"
        pytest.skip("PSQL IS NOT INSTALLED: the script for Grafana's user was not run")
    name = postgres_server.create()
    url = postgres_server.url(name)
    with psycopg.connect(url) as conn:
        host, port, user = conn.info.host, conn.info.port, conn.info.user
    environment = {
        "PATH": os.environ["PATH"],
        "PGHOST": host,
        "PGPORT": str(port),
        "POSTGRES_USER": user,
        "POSTGRES_DB": name,
        "GRAFANA_PASSWORD": 'it\'s "quoted"',
    }
    script = mounts()["/docker-entrypoint-initdb.d/reader.sh"]
    try:
        subprocess.run(["sh", str(script)], env=environment, check=True, capture_output=True, timeout=60)
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("CREATE TABLE later (n int)")
        with psycopg.connect(url, user="grafana", password='it\'s "quoted"', autocommit=True) as conn:  # noqa: S106
            assert conn.execute("SELECT count(*) FROM later").fetchone() == (0,)
            conn.execute("SET default_transaction_read_only = off")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute("INSERT INTO later VALUES (1)")
    finally:
        postgres_server.drop(name)
        postgres_server.run("DROP ROLE IF EXISTS grafana")
