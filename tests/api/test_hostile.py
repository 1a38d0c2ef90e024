"""Requests made to break a service, against a real one: plain answers, bounded memory, and nothing told to logs."""

import gzip
import json
import re
import socket
import ssl
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pyarrow as pa
import pytest

import postgres
from api.guarding import everything
from api.locked import Locked, locked_service
from service import until

CANARY: Final = "canary7c1f"
PEAK_MIB: Final = 512
SLOW_CLIENTS: Final = 150
SETTINGS: Final = {"DRIFTGAUGE_MAX_WINDOWS": "500", "DRIFTGAUGE_REQUEST_DEADLINE": "20s"}
ROWS: Final = {"rows": [{"x": float(n), "c": "ab"[n % 2]} for n in range(50)]}
BROTLI: Final = bytes(pa.Codec("brotli").compress(json.dumps(ROWS).encode(), asbytes=True))


@dataclass(frozen=True)
class Besieged:
    """A service whose database writes every statement to a log."""

    locked: Locked
    statements: Path
    port: int

    def head(self, line: str, *more: str) -> bytes:
        """The head of a request by one who holds a key."""
        lines = [line, "Host: a", f"Authorization: Bearer {self.locked.made[0]}", *more, "", ""]
        return "\r\n".join(lines).encode("utf-8")

    def raw(self, sent: bytes, *, more: bool = False) -> bytes:
        """Everything that is answered to some bytes before the service closes, after which we send nothing more."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as client:
            try:
                client.sendall(sent)
                if not more:
                    client.shutdown(socket.SHUT_WR)
            except ConnectionError:
                pass
            return everything(client)

    def post(self, body: bytes, *, model: str = "m", **headers: str) -> tuple[int, dict[str, object]]:
        """Post a batch; gives status and document."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        path = f"/v1/models/{model}/batches"
        answer = self.locked.call("POST", path, self.locked.made[0], content=body, headers=told)
        return answer.status_code, answer.json()

    def stored(self) -> list[object]:
        """What both models have counted."""
        paths = [f"/v1/models/{model}/windows" for model in ("m", "fine")]
        return [self.locked.call("GET", path, self.locked.made[0]).json() for path in paths]


@pytest.fixture(scope="module")
def besieged(postgres_server: postgres.Server) -> Iterator[Besieged]:
    """The service; its peak of memory is looked at when all attacks are over."""
    name = postgres_server.create(template=postgres_server.template)
    for setting in ("log_statement = 'all'", "log_min_messages = 'log'", "log_parameter_max_length = 0"):
        postgres_server.run(f'ALTER DATABASE "{name}" SET {setting}')
    with locked_service(postgres_server.url(name), SETTINGS) as locked:
        key = locked.made[0]
        features = {"x": {"kind": "numeric"}, "c": {"kind": "categorical"}}
        for model, window in (("m", "1w"), ("fine", "1s")):
            path, made = f"/v1/models/{model}", {"features": features, "window": window}
            locked.call("PUT", path, key, json=made).raise_for_status()
            locked.call("POST", f"{path}/baselines?activate=true", key, json=ROWS).raise_for_status()
        yield Besieged(locked, postgres_server.log, int(locked.service.url.rsplit(":", 1)[1]))
        process = locked.service.process
        assert process is not None
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        assert int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) <= PEAK_MIB << 10


def first_status(answered: bytes) -> int:
    """The status of the first answer; 0 where the service closed without one."""
    return int(answered.split(b" ", 2)[1]) if answered.startswith(b"HTTP/1.1 ") else 0


def bomb(mebibytes: int) -> bytes:
    """So many MiB of zeros in gzip, put together of blocks that were packed once."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 22)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + block * (mebibytes // 4)


def test_compression(besieged: Besieged) -> None:
    """Damaged bodies are 400, bombs 413, bodies in foreign encodings 415; nothing of them is stored."""
    before, whole = besieged.stored(), gzip.compress(json.dumps(ROWS).encode())
    corrupt = whole[:-8] + b"\0" * 8
    for body in (whole[:-5], whole[:12], corrupt, whole + b"x", whole * 1000, gzip.compress(b"") * 1000):
        assert besieged.post(body, Content_Encoding="gzip")[0] == 400
    for encoding in ("gzip, gzip", "br", "deflate", "gzip,br"):
        assert besieged.post(BROTLI, Content_Encoding=encoding)[0] == 415, encoding
    packed = bomb(1024)
    assert len(packed) < 2 << 20
    for _ in range(5):
        status, document = besieged.post(packed, Content_Encoding="gzip")
        assert (status, document["code"]) == (413, "body-too-large")
    assert besieged.stored() == before


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (["Content-Length: 100"], b'{"rows":[]}'),
        (["Content-Length: 3"], b'{"rows":[]}'),
        (["Content-Length: -1"], b"x"),
        (["Content-Length: 1e3"], b"x"),
        (["Content-Length: 11", "Content-Length: 12"], b'{"rows":[]}'),
        (["Content-Length: 11", "Transfer-Encoding: chunked"], b'b\r\n{"rows":[]}\r\n0\r\n\r\n'),
        (["Transfer-Encoding: chunked"], b"b;" + b"x" * (1 << 20) + b'\r\n{"rows":[]}\r\n0\r\n\r\n'),
        (["Transfer-Encoding: chunked"], b"fffffffffffffffffff\r\nx"),
        (["Transfer-Encoding: chunked"], b"zz\r\nx"),
        (["Transfer-Encoding: gzip"], b"x"),
    ],
)
def test_lying_lengths(besieged: Besieged, headers: list[str], body: bytes) -> None:
    """A body that is not as long as it is said to be is refused or never answered, and the connection closed."""
    before = besieged.stored()
    answered = besieged.raw(besieged.head("POST /v1/models/m/batches HTTP/1.1", *headers) + body)
    assert first_status(answered) in {0, 400, 408, 431}, answered
    assert besieged.stored() == before


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/..%2f..%2fetc%2fpasswd", "/v1/models/%00", "/v1/models/a%00b", "/v1/models/%c0%af",
        "/v1/models/%ff", "/v1/models/%e0%80%af", "/../../etc/passwd", "/v1/models/m/../../../x", "//", "/v1//models",
        "/v1/models/%2e%2e", "/v1/models/m/windows/%2e%2e/histograms",
        "/v1/models/m/batches/%0d%0aSet-Cookie:%20a", "/%", "/%zz", "/v1/models/%", "/.git/config",
        "/v1/models/m;x=1", "/v1/models/" + "a" * 8192, "/" + "a/" * 4000, "/v1/models/" + "%41" * 2700,
        "/v1/models/m%3Fadmin", "/v1/models/m%23", "http://169.254.169.254/latest", "*", "/v1/models/\u00e9",
    ],
)  # fmt: skip
def test_paths(besieged: Besieged, path: str) -> None:
    """Tricks with paths lead nowhere."""
    answered = besieged.raw(besieged.head(f"GET {path} HTTP/1.1", "Connection: close"))
    assert first_status(answered) in {0, 400, 404, 414, 422, 431}, answered
    assert b"Set-Cookie" not in answered.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    "method", ["TRACE", "CONNECT", "OPTIONS", "PATCH", "PROPFIND", "PURGE", "FOO", "get", "G" * 5000]
)
def test_methods(besieged: Besieged, method: str) -> None:
    """Other methods are refused; none is a 5xx and none echoes what was sent."""
    for path in ("/v1/models/m", "/v1/models/m/batches", "/livez", "/"):
        answered = besieged.raw(besieged.head(f"{method} {path} HTTP/1.1", "Connection: close", f"X-Echo: {CANARY}"))
        assert first_status(answered) in {0, 400, 403, 404, 405, 431}, answered
        assert CANARY.encode() not in answered


def tls_hello() -> bytes:
    """What a client of https says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_other_protocols(besieged: Besieged) -> None:
    """HTTP/2, TLS, upgrades and noise on the port are refused or closed."""
    websocket = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: AAAA", "Sec-WebSocket-Version: 13")
    for sent in (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), tls_hello(), b"\0" * 1000, b"\x16\x03\x01" * 100,
        b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n", b"SSH-2.0-x\r\n", b"\x80\x2e\x01\x00\x02", b"GET /\r\n\r\n",
        b"*1\r\n$4\r\nPING\r\n",
    ):  # fmt: skip
        assert first_status(besieged.raw(sent)) in {0, 400, 401, 403, 404, 505}, sent
    for more in (websocket, ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")):
        answered = besieged.raw(besieged.head("GET /v1/models/nobody HTTP/1.1", *more))
        assert first_status(answered) in {0, 400, 404}, answered


def test_times_and_windows(besieged: Besieged) -> None:
    """Times beyond reason are counted aside, and a batch of too many windows is refused."""
    before = besieged.stored()
    times = [
        "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 1e18, -1e18, 10**30, 1e308, "2016-12-31T23:59:60Z",
        "2016-12-31T23:59:61Z", "2020-01-01T00:00:00", "0000-00-00T00:00:00Z", "-0001-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z", "2020-02-30T00:00:00Z",
    ]  # fmt: skip
    status, receipt = besieged.post(json.dumps({"rows": [{"timestamp": at, "x": 1} for at in times]}).encode())
    rows = receipt["rows"]
    assert isinstance(rows, dict)
    assert (status, rows["received"], rows["accepted"]) == (200, len(times), 0)
    now = int(time.time())
    spread = {"rows": [{"timestamp": now - n, "x": 1} for n in range(1000)]}
    status, problem = besieged.post(json.dumps(spread).encode(), model="fine")
    assert (status, problem["code"]) == (422, "too-many-windows")
    assert besieged.stored() == before


def series(besieged: Besieged) -> str:
    """The metrics without their values and without what tells of time."""
    text = besieged.locked.call("GET", "/metrics", besieged.locked.made[0]).text
    return re.sub(r" \S+$", "", text, flags=re.MULTILINE)


def settled(besieged: Besieged) -> str:
    """The series once the features of both models have a status and nothing is added for two seconds."""
    until(lambda: series(besieged).count("drift_features{") >= 2, what="the status of the features")
    last, since = series(besieged), time.monotonic()
    while time.monotonic() - since < 2:
        time.sleep(0.2)
        now = series(besieged)
        last, since = now, since if now == last else time.monotonic()
    return last


def test_unknown_names(besieged: Besieged) -> None:
    """A million names in a batch are too many; many over many batches are counted as ignored and leave no series."""
    one = json.dumps({"rows": [{f"n{n}": 1 for n in range(10**6)}]}).encode()
    assert besieged.post(one)[0] in {413, 422}
    del one
    for path in ("/v1/models/nobody/batches", "/v1/models/m/batches", "/metrics"):
        besieged.locked.call("POST", path, besieged.locked.made[0], json={"rows": [{"x": 1, "other": 1}]})
    before = settled(besieged)
    for batch in range(50):
        names = {f"{CANARY}-{batch}-{n}": 1 for n in range(2000)}
        status, receipt = besieged.post(json.dumps({"rows": [names]}).encode())
        ignored = receipt["ignored_features"]
        assert isinstance(ignored, dict)
        assert (status, ignored["count"]) == (200, 2000)
        path = f"/v1/models/{CANARY}-{batch}"
        assert besieged.locked.call("POST", f"{path}/batches", besieged.locked.made[0], json=ROWS).status_code == 404
        assert besieged.locked.call("GET", f"{path}/{batch}", besieged.locked.made[0]).status_code == 404
    assert series(besieged) == before


def test_slow_clients(besieged: Besieged) -> None:
    """Who never ends a head waits in vain, while others are served."""
    slow = [socket.create_connection(("127.0.0.1", besieged.port), timeout=60) for _ in range(SLOW_CLIENTS)]
    try:
        for client in slow:
            client.sendall(b"POST /v1/models/m/batches HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        assert besieged.post(json.dumps(ROWS).encode())[0] == 200
        for client in slow:
            assert first_status(everything(client)) in {0, 408}
    finally:
        for client in slow:
            client.close()
    assert first_status(besieged.raw(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) == 200


def test_header_floods(besieged: Besieged) -> None:
    """Heads without end are cut at their bound."""
    for flood in (b"X: " + b"a" * (1 << 20), b"X: a\r\n" * (1 << 17), b"a" * (1 << 20), b"X:\r\n " * (1 << 17)):
        assert first_status(besieged.raw(b"GET / HTTP/1.1\r\nHost: a\r\n" + flood, more=True)) in {0, 400, 431}


def test_nothing_is_told_to_logs(besieged: Besieged) -> None:
    """Text from outside is in no statement and in no log, and neither is a key; statements are logged, though."""
    key, call = besieged.locked.made[0], besieged.locked.call
    begun = besieged.statements.stat().st_size
    sql = f"{CANARY}'; DROP TABLE model; --"
    name = quote(sql, safe="")
    features = {sql: {"kind": "categorical"}}
    call("PUT", f"/v1/models/{name}", key, json={"features": features, "window": "1s"}).raise_for_status()
    row = {sql: sql, "version": sql, "timestamp": sql}
    call("POST", f"/v1/models/{name}/baselines?activate=true", key, json={"rows": [{sql: sql}] * 40}).raise_for_status()
    for body in ({"rows": [row, {sql: f"{sql}{sql}"}]}, [{sql: [sql]}], {sql: sql}):
        call("PUT", f"/v1/models/{name}/batches/{name}?version={name}", key, json=body, headers={"X-Request-Id": sql})
        call("POST", f"/v1/models/{name}:predict", key, json={"instances": body}, headers={"Idempotency-Key": sql})
        call("POST", f"/v1/logs?model={name}", key, json=body)
    for path in (f"windows?version={name}", f"scores?feature={name}", f"batches/{name}", f"windows/{name}", "status"):
        call("GET", f"/v1/models/{name}/{path}", key)
    call("POST", f"/v1/models/{name}/batches", key, content=b"{" + sql.encode())
    call("GET", f"/v1/models/{name}?{name}={name}", f"dm_{CANARY}")
    call("PUT", f"/v1/models/{name}/thresholds", key, json=[{"statistic": sql, "feature": sql}])
    until(lambda: "INSERT" in besieged.statements.read_text(errors="replace")[begun:], what="a logged statement")
    assert CANARY not in besieged.statements.read_text(errors="replace")
    logged = besieged.locked.service.log.read_text(errors="replace")
    assert CANARY not in logged
    assert all(text not in logged for text in besieged.locked.made)
