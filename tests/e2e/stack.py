"""Debian's Prometheus and Alertmanager with our files as they are, and a pager that notes what it is sent."""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from faults.ports import free_port

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
HASTE: Final = {"group_wait": "1s", "group_interval": "5s"}
"""Far shorter than shipped, so that whatever would page twice has the time to do it."""


def program(name: str, package: str) -> str:
    """A program that may be missing on a developer's machine but never in CI."""
    found = shutil.which(name)
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{name} is missing in CI")
    if found is None:
        pytest.skip(f"{name.upper()} IS NOT INSTALLED (apt-get install {package}): pages were not tested")
    return found


@dataclass(frozen=True, slots=True)
class Call:
    """One webhook call: where it went, `firing` or `resolved`, and the alerts in it."""

    path: str
    status: str
    alerts: Sequence[dict[str, Any]]

    def about(self, model: str) -> bool:
        """Whether any of its alerts is of this model."""
        return any(alert["labels"].get("model") == model for alert in self.alerts)


@dataclass(slots=True)
class Pager:
    """What the webhooks were sent, in order."""

    calls: list[Call] = field(default_factory=list)

    def of(self, model: str, status: str = "firing") -> list[Call]:
        """The calls to the pager about a model."""
        return [call for call in self.calls if call.path == "/page" and call.status == status and call.about(model)]

    def wait(self, model: str, status: str, *, seconds: float = 240.0) -> Call:
        """The first such call, as soon as there is one."""
        end = time.monotonic() + seconds
        while not (found := self.of(model, status)):
            assert time.monotonic() < end, f"nobody was told that {model} is {status}: {self.calls}"
            time.sleep(0.2)
        return found[0]


@contextmanager
def pager() -> Iterator[tuple[Pager, int]]:
    """A webhook receiver and its port."""
    heard = Pager()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            heard.calls.append(Call(self.path, body["status"], body["alerts"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield heard, server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now; none while it does not answer."""
        try:
            answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=30).json()
        except (httpx.TransportError, ValueError):
            return []
        found: list[dict[str, Any]] = answer["data"]["result"] if answer["status"] == "success" else []
        return found

    def until(self, expression: str, *, seconds: float = 120.0) -> list[dict[str, Any]]:
        """The series of an expression as soon as there are some."""
        end = time.monotonic() + seconds
        while not (found := self.query(expression)):
            assert time.monotonic() < end, f"{expression} gave nothing within {seconds} s"
            time.sleep(0.2)
        return found

    def broken(self) -> list[str]:
        """The errors of rules that could not be evaluated."""
        groups = httpx.get(f"{self.url}/api/v1/rules", timeout=30).json()["data"]["groups"]
        return [rule["lastError"] for group in groups for rule in group["rules"] if "lastError" in rule]


@contextmanager
def watching(folder: Path, targets: Sequence[str], *, interval: str = "1s") -> Iterator[tuple[Prometheus, Pager]]:
    """Scrape the targets at an interval, judge them by the shipped rules, route alerts by the shipped configuration."""
    prometheus, alertmanager = (program(*each) for each in (("prometheus",) * 2, ("prometheus-alertmanager",) * 2))
    with ExitStack() as stack:
        heard, heard_port = stack.enter_context(pager())
        alert_port, port = free_port(), free_port()
        routes = folder / "alertmanager.yml"
        routes.write_text(_routes(heard_port), encoding="utf-8")
        config = folder / "prometheus.yml"
        config.write_text(_config(targets, alert_port, interval), encoding="utf-8")
        stack.enter_context(
            _running(
                folder,
                [
                    alertmanager,
                    f"--config.file={routes}",
                    f"--storage.path={folder / 'alerts'}",
                    f"--web.listen-address=127.0.0.1:{alert_port}",
                    "--cluster.listen-address=",
                ],
            )
        )
        stack.enter_context(
            _running(
                folder,
                [
                    prometheus,
                    f"--config.file={config}",
                    f"--storage.tsdb.path={folder / 'samples'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                    "--rules.alert.resend-delay=2s",
                ],
            )
        )
        running = Prometheus(f"http://127.0.0.1:{port}")
        running.until(f"count(up == 1) == {len(targets)}")
        yield running, heard


def _routes(port: int) -> str:
    """The shipped configuration with its webhooks moved and its patience cut."""
    document = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8"))
    for route in (document["route"], *document["route"]["routes"]):
        route.update(HASTE)
    text: str = yaml.safe_dump(document)
    return text.replace("http://localhost:9095/", f"http://127.0.0.1:{port}/")


def _config(targets: Sequence[str], alert_port: int, interval: str) -> str:
    """The shipped configuration with its targets and intervals replaced."""
    document = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    document["global"] = {"scrape_interval": interval, "evaluation_interval": interval}
    document["rule_files"] = [str(DEPLOY / "prometheus" / name) for name in document["rule_files"]]
    document["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [f"127.0.0.1:{alert_port}"]}]}]
    (job,) = document["scrape_configs"]
    job |= {"scrape_timeout": interval, "static_configs": [{"targets": list(targets)}]}
    text: str = yaml.safe_dump(document)
    return text


@contextmanager
def _running(folder: Path, command: Sequence[str]) -> Iterator[None]:
    with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
