"""The pages about senders: their calls count rows, their nginx mirrors, their manifests name real paths."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

import postgres
from api.locked import Locked, locked_service
from service import until

PAGES: Final = Path(__file__).parents[2] / "docs" / "senders"
BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NGINX: Final = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
ROWS: Final = {
    "kserve": 2,
    "modelmesh": 1,
    "seldon": 1,
    "mirrored": 2,
    "tensorflow-serving": 4,
    "mlflow": 5,
    "otlp": 2,
    "bentoml": 1,
    "fluent-bit": 2,
    "vector": 2,
    "syslog-ng": 2,
    "files": 2,
    "sagemaker": 3,
    "kserve-blob": 2,
    "databricks": 3,
    "vertex": 3,
}
FEATURES: Final = {
    "age": {"kind": "numeric"},
    "city": {"kind": "categorical"},
    "score": {"kind": "numeric", "role": "prediction"},
    "defaulted": {"kind": "numeric", "role": "outcome"},
}


@pytest.fixture(scope="module")
def locked(postgres_server: postgres.Server) -> Iterator[Locked]:
    """A service with keys and a database of its own."""
    with locked_service(postgres_server.url(postgres_server.create(template=postgres_server.template))) as running:
        yield running


@pytest.fixture
def credit(locked: Locked) -> Iterator[str]:
    """The key of a service that watches the model `credit`, which is gone afterwards."""
    key = locked.made[0]
    path = "/v1/models/credit"
    locked.call("PUT", path, key, json={"features": FEATURES}).raise_for_status()
    rows = [{"age": n % 50, "city": ("Oslo", "Bergen")[n % 2], "score": 0.5, "defaulted": 0} for n in range(100)]
    locked.call("POST", f"{path}/baselines?activate=true", key, json={"rows": rows}).raise_for_status()
    yield key
    locked.call("DELETE", path, key).raise_for_status()


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    return [block for found, block in BLOCK.findall(text) if found == language]


def counted(locked: Locked, version: str | None = None) -> int:
    """The rows of the model."""
    query = {} if version is None else {"version": version}
    windows = locked.call("GET", "/v1/models/credit/windows", locked.made[0], params=query).json()
    return sum(window["rows"] for window in windows)


@pytest.mark.parametrize("page", ROWS)
def test_by_hand(locked: Locked, credit: str, page: str, tmp_path: Path) -> None:
    """The calls of a page are taken, and count as many rows as they hold."""
    if shutil.which("curl") is None:
        pytest.skip("CURL IS NOT INSTALLED: the pages about senders were not run")
    here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"DRIFTGAUGE": locked.service.url, "KEY": credit, "PATH": here}
    (script,) = blocks(page, "sh")
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert counted(locked) == ROWS[page]


def test_every_page_is_tested() -> None:
    """No page is left out."""
    assert {page.stem for page in PAGES.glob("[a-z]*.md")} == ROWS.keys()


def test_manifests(locked: Locked) -> None:
    """What is posted to from a manifest is a path of the service."""
    paths = locked.call("GET", "/openapi.json", locked.made[0]).json()["paths"]
    named = set()
    for page in ROWS:
        for block in blocks(page, "yaml"):
            assert yaml.safe_load(block)
            named |= {urlsplit(url).path for url in re.findall(r"http://driftgauge[^\s\"']+", block)}
    (sink,) = blocks("vector", "toml")
    named.add(urlsplit(tomllib.loads(sink)["sinks"]["driftgauge"]["uri"]).path.replace("credit", "{model}"))
    (output,) = blocks("fluent-bit", "ini")
    named |= {path.replace("credit", "{model}") for path in re.findall(r"URI +(\S+)", output)}
    assert named == {"/v1/cloudevents", "/consumer/kserve/v2", "/v1/logs", "/v1/models/{model}/batches"}
    assert named <= paths.keys()


class ModelServer(BaseHTTPRequestHandler):
    """A model server that answers everything alike."""

    def do_POST(self) -> None:
        """Take a request."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *_: Any) -> None:  # noqa: A002 - the name that is overridden
        """Say nothing."""


@pytest.fixture
def proxied(locked: Locked, credit: str, tmp_path: Path) -> Iterator[str]:
    """An nginx as the pages configure it, in front of a model server."""
    if NGINX is None:
        if os.environ.get("CI"):
            pytest.fail("nginx is missing in CI")
        pytest.skip("NGINX IS NOT INSTALLED: the mirror was not tested")
    servers = [block for page in ROWS for block in blocks(page, "nginx")]
    upstream = next(block for block in servers if block.startswith("upstream"))
    locations = "\n".join(block for block in servers if block is not upstream)
    model_server = ThreadingHTTPServer(("127.0.0.1", 0), ModelServer)
    Thread(target=model_server.serve_forever, daemon=True).start()
    behind = f"http://127.0.0.1:{model_server.server_address[1]}"
    locations = re.sub(r"http://(triton|tensorflow-serving|mlflow):\d+", behind, locations).replace("KEY", credit)
    upstream = upstream.replace("driftgauge.monitoring:8080", urlsplit(locked.service.url).netloc)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folders = "\n".join(
        f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off; {folders}\n{upstream}\n"
        f"server {{ listen 127.0.0.1:{port};\n{locations} }} }}"
    )
    process = subprocess.Popen([NGINX, "-p", str(tmp_path), "-c", "nginx.conf", "-e", f"{tmp_path}/error.log"])
    try:
        until(lambda: _listens(port), what="nginx")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)
        model_server.shutdown()
        model_server.server_close()


def _listens(port: int) -> bool:
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0


def test_nginx_mirrors(locked: Locked, proxied: str) -> None:
    """The client hears the model server, and every path's rows are counted, under their versions."""
    inputs = [{"name": "age", "shape": [2], "datatype": "FP32", "data": [1, 2]}]
    asked = {
        "/v2/models/credit/infer": {"inputs": inputs},
        "/v2/models/credit/versions/7/infer": {"inputs": inputs},
        "/v1/models/credit:predict": {"instances": [{"age": 1}]},
        "/v1/models/credit/versions/7:predict": {"instances": [{"age": 1}]},
        "/invocations": {"dataframe_split": {"columns": ["age"], "data": [[1], [2], [3]]}},
    }
    with httpx.Client(base_url=proxied, timeout=60) as client:
        for path, body in asked.items():
            assert client.post(path, json=body).text == "ok"
    until(lambda: counted(locked) == 9, what="nine rows")
    assert counted(locked, "7") == 3
