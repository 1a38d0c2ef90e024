"""The page against a real Prometheus."""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from app.metrics.page import Page
from metrics.tools import ROOT
from metrics.views import complete, used

CONFIG = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [RULES]
scrape_configs:
  - job_name: driftgauge
    static_configs: [{targets: ["127.0.0.1:PORT"]}]
"""
pytestmark = pytest.mark.slow


class Handler(BaseHTTPRequestHandler):
    """Serve the page as the service does."""

    page: Page

    def do_GET(self) -> None:
        """Answer a scrape."""
        body, kind, encoding = self.page.render(self.headers["Accept"], self.headers["Accept-Encoding"])
        self.send_response(200)
        self.send_header("Content-Type", kind)
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Prometheus:
    """A running Prometheus."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/api/v1"

    def get(self, call: str, **parameters: str) -> Any:
        """The data of one API call; None while it does not answer."""
        try:
            return httpx.get(f"{self.url}/{call}", params=parameters).json()["data"]
        except (httpx.TransportError, ValueError):
            return None

    def wait(self, query: str) -> list[Any]:
        """The result of a query as soon as there is one."""
        for _ in range(300):
            data = self.get("query", query=query)
            if data and data["result"]:
                result: list[Any] = data["result"]
                return result
            time.sleep(0.1)
        raise AssertionError(f"no series for {query}: {self.get('targets')}")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that scrapes one page and evaluates the deployed rules."""
    program = shutil.which("prometheus")
    if program is None:
        message = "prometheus is not installed: apt-get install prometheus"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    folder = tmp_path_factory.mktemp("prometheus")
    Handler.page = Page(used(), max_series=1000)
    Handler.page.publish([complete()])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    rules = ROOT / "deploy" / "prometheus" / "driftgauge.rules.yml"
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.replace("RULES", str(rules)).replace("PORT", str(server.server_port)))
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            yield Prometheus(port)
        finally:
            process.terminate()
            process.wait(30)
            server.shutdown()
            thread.join()
            server.server_close()


def test_prometheus_reads_the_page(prometheus: Prometheus) -> None:
    """A scrape succeeds, gzipped and as OpenMetrics, and gives the scores with their lines."""
    (up,) = prometheus.wait('up{job="driftgauge"} == 1')
    assert up["value"][1] == "1"
    found = prometheus.wait('drift_score{feature="x", statistic="evidence"}')
    assert [one["value"][1] for one in found] == ["0.5"]
    (volume,) = prometheus.wait('drift_score{statistic="volume"}')
    assert "feature" not in volume["metric"]


def test_the_rules_run_without_an_error(prometheus: Prometheus) -> None:
    """Every deployed rule is evaluated on the real page; the feed of 1970 is the one that is silent."""
    prometheus.wait('ALERTS{alertname="DriftgaugeFeedSilent", severity="critical"}')
    groups = prometheus.get("rules")["groups"]
    assert [rule["lastError"] for group in groups for rule in group["rules"] if "lastError" in rule] == []
