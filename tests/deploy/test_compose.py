"""The compose file and what it mounts."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
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


def queries(found: Any) -> Iterator[str]:
    """Every query to Postgres in a dashboard."""
    for key, value in found.items() if isinstance(found, dict) else enumerate(found):
        if key == "rawSql":
            yield value
        elif isinstance(value, dict | list):
            yield from queries(value)


def filled(query: str) -> str:
    """A query with the words that Grafana fills in."""
    for word, value in {
        "$__timeFilter(window_start)": "window_start <= now()",
        "$__timeGroup(window_start, $__interval)": "floor(extract(epoch FROM window_start))",
    }.items():
        query = query.replace(word, value)
    return re.sub(r"\$\{[a-z]+:sqlstring\}", "'1'", query)


QUERIES = [
    one for path in (ROOT / "grafana" / "dashboards").glob("*.json") for one in queries(json.loads(path.read_text()))
]


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
def test_grafana_sees_what_it_draws_and_no_more(postgres_server: postgres.Server) -> None:
    """The user that the script makes runs every query of the dashboards, sees no row or key, and can change nothing."""
    if shutil.which("psql") is None:
        assert not os.environ.get("CI"), "psql is missing in CI"
        pytest.skip("PSQL IS NOT INSTALLED: the script for Grafana's user was not run")
    name = postgres_server.create(template=postgres_server.template)
    url = postgres_server.url(name)
    with psycopg.connect(url) as conn:
        host, port, user = conn.info.host, conn.info.port, conn.info.user
    environment = {
        "PATH": os.environ["PATH"],
        "PGHOST": host,
        "PGPORT": str(port),
        "PGUSER": user,
        "PGDATABASE": name,
    }
    passwords = "first", 'it\'s "quoted"'
    try:
        for password in passwords:
            given = environment | {"GRAFANA_PASSWORD": password}
            subprocess.run(["sh", str(mounts()["/reader.sh"])], env=given, check=True, capture_output=True, timeout=60)
        assert len(QUERIES) >= 3
        with psycopg.connect(url, user="grafana", password=passwords[-1], autocommit=True) as conn:
            for query in QUERIES:
                conn.execute(filled(query).encode())
            assert conn.execute("SELECT count(*) FROM feature_score").fetchone() == (0,)
            with psycopg.connect(url) as owner:
                tables = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            assert len(tables) > 10
            conn.execute("SET default_transaction_read_only = off")
            for (table,) in tables:
                for statement in (f'TABLE "{table}"', f'TRUNCATE "{table}"'):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        conn.execute(statement.encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute("CREATE TABLE public.own (n int)")
    finally:
        postgres_server.drop(name)
        postgres_server.run("DROP ROLE IF EXISTS grafana")
