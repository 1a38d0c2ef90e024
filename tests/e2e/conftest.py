"""Two replicas on Debian's Postgres under Debian's Prometheus and Alertmanager."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest

from e2e.stack import Pager, Prometheus, watching
from faults.cluster import BIN, Cluster
from faults.ports import free_port
from service import Service

FAKETIME: Final = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


@dataclass(frozen=True, slots=True)
class World:
    """What a test turns and looks at; the second replica's clock follows `dial`, where faketime is installed."""

    cluster: Cluster
    replicas: tuple[Service, Service]
    clients: tuple[httpx.Client, httpx.Client]
    prometheus: Prometheus
    pager: Pager
    dial: Path

    def turn(self, to: str) -> None:
        """Let the second replica's clock jump."""
        fresh = self.dial.with_suffix(".new")
        fresh.write_text(to + "\n", encoding="ascii")
        fresh.replace(self.dial)

    def upgrade(self, number: int, version: str) -> None:
        """Start a replica again as another release."""
        folder = self.dial.parent / version
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(f"import app\napp.__version__ = {version!r}\n", encoding="utf-8")
        replica = self.replicas[number]
        replica.stop()
        before = os.environ.get("PYTHONPATH")
        replica.settings["PYTHONPATH"] = os.pathsep.join([str(folder), *([before] if before else [])])
        replica.restart()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything running, and nothing known yet."""
    if not BIN.exists():
        if os.environ.get("CI"):
            pytest.fail("postgresql-15 is missing in CI")
        pytest.skip("POSTGRESQL-15 IS NOT INSTALLED: pages were not tested")
    folder = tmp_path_factory.mktemp("pages")
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster())
        settings = {"DRIFTGAUGE_DATABASE_URL": cluster.url(cluster.create()), "DRIFTGAUGE_ACCOUNT_INTERVAL": "1s"}
        dial = folder / "dial"
        dial.write_text("+0\n", encoding="ascii")
        turned = {
            "LD_PRELOAD": str(FAKETIME[0]),
            "FAKETIME_TIMESTAMP_FILE": str(dial),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        first = stack.enter_context(Service(settings, port=free_port()))
        second = stack.enter_context(Service(settings | (turned if FAKETIME else {}), port=free_port()))
        targets = [service.url.removeprefix("http://") for service in (first, second)]
        prometheus, heard = stack.enter_context(watching(folder, targets))
        once = httpx.Limits(max_keepalive_connections=0)
        clients = [
            stack.enter_context(httpx.Client(base_url=service.url, timeout=120.0, limits=once))
            for service in (first, second)
        ]
        yield World(cluster, (first, second), (clients[0], clients[1]), prometheus, heard, dial)
