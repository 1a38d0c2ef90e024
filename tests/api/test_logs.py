"""`/v1/logs` as OpenTelemetry's own exporter uses it, and as nobody should."""

import gzip
import http.server
import json
import math
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pyarrow as pa
import pytest
from google.protobuf.json_format import MessageToJson
from google.rpc.status_pb2 import Status
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from api.locked import Locked
from api.posting import Watched, watched
from wire.otlpmade import export, record

PROTOBUF: Final = {"Content-Type": "application/x-protobuf"}
SNAPPY: Final = {"Content-Encoding": "snappy"}
JSON: Final = {"Content-Type": "application/json"}


@pytest.fixture
def model(locked: Locked) -> Watched:
    """A model of the test's own."""
    return watched(locked)


def sent(model: Watched, records: Sequence[Mapping[str, Any]], *, url: str = "", **named: str) -> None:
    """Send records with the SDK, gzipped, in one export."""
    endpoint = (url or model.locked.service.url) + "/v1/logs"
    headers = {"Authorization": f"Bearer {model.locked.made[0]}"}
    exporter = OTLPLogExporter(endpoint=endpoint, headers=headers, compression=Compression.Gzip)
    provider = LoggerProvider(Resource({"service.name": model.name, **named}), shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logger = provider.get_logger("inference")
    for one in records:
        logger.emit(LogRecord(**({"timestamp": time.time_ns()} | dict(one))))
    provider.force_flush()
    provider.shutdown()


def test_sdk(model: Watched) -> None:
    """Bodies and attributes of the real exporter become rows of the model and version that its resource names."""
    records: list[dict[str, Any]] = [
        {"attributes": {"x": 1.0, "c": "a"}},
        {"body": {"x": math.nan, "c": "ü", "score": 0.5}},
        {"body": {"features": {"x": None, "c": "b"}, "prediction": 0.5}},
        {"body": '{"x": Infinity, "c": null}'},
        {"attributes": {"x": "seven", "c": "a"}, "body": "served"},
        {"body": "no row"},
    ]
    sent(model, records, **{"service.version": "v7"})
    assert model.rows() == {"v7": 5}
    counts = model.counts("v7")
    assert counts["c"] == {"a": 2, "unseen": 1, "b": 1, "null": 1}
    assert {label: counts["x"].get(label) for label in ("null", "nan", "pos_inf", "invalid")} == {
        "null": 1, "nan": 1, "pos_inf": 1, "invalid": 1,
    }  # fmt: skip
    assert counts["score"]["null"] == 3


@contextmanager
def forgetful(url: str) -> Iterator[tuple[str, list[int]]]:
    """A proxy that passes everything on but loses the first answer, and a list of what was passed on."""
    passed: list[int] = []

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = urllib.request.Request(url + self.path, body, dict(self.headers.items()), method="POST")  # noqa: S310
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                passed.append(answer.status)
            self.send_response(503 if len(passed) == 1 else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", passed
        server.shutdown()
        thread.join()


def test_a_retry_counts_once(model: Watched) -> None:
    """The exporter sends the same bytes again when the answer was lost; they count once."""
    with forgetful(model.locked.service.url) as (url, passed):
        sent(model, [{"attributes": {"x": 1.0}}, {"attributes": {"x": 2.0}}], url=url)
    assert passed == [200, 200]
    assert model.rows() == {"default": 2}


def test_bentoml(model: Watched) -> None:
    """A monitor's payload goes to the bento's model when no service is known, and its prediction to the only one."""
    schema = {
        name: {"name": name, "role": role, "type": kind}
        for name, role, kind in (
            ("x", "feature", "numerical"),
            ("c", "feature", "categorical"),
            ("pred", "prediction", "numerical"),
        )
    }
    meta = {"bento_name": model.name, "bento_version": "q2", "monitor_name": "m", "schema": schema}
    now = time.time()
    bodies = [
        {"x": 1.0, "c": "a", "pred": 3.0, "timestamp": now, "request_id": str(n), "bento_meta": meta} for n in range(3)
    ]
    sent(model, [{"body": body} for body in bodies], **{"service.name": "unknown_service"})
    assert model.rows() == {"default": 3}
    assert sum(model.counts()["score"].values()) == 3
    assert "null" not in model.counts()["score"]
    assert f'driftgauge_ingest_rows_total{{format="bentoml",model="{model.name}",outcome="accepted"}} 3.0' in (
        model.call("GET", "/metrics").text
    )


def test_full_success_is_empty(model: Watched) -> None:
    """A full success is the empty message in the form that came, retries and late records included."""
    made = export(({"service.name": model.name}, [record({"x": 1.0}, time=1), record({"x": 1.0})]))
    for body, headers, content in (
        (made.SerializeToString(), PROTOBUF, b""),
        (gzip.compress(made.SerializeToString()), PROTOBUF, b""),
        (MessageToJson(made).encode(), JSON | {"Content-Encoding": "gzip"}, b"{}"),
        (pa.Codec("snappy").compress(made.SerializeToString(), asbytes=True), PROTOBUF | SNAPPY, b""),
        (made.SerializeToString(), PROTOBUF | SNAPPY, b""),
        (b"", PROTOBUF, b""),
        (b"{}", JSON, b"{}"),
    ):
        answer = model.call("POST", "/v1/logs", content=body, headers=headers)
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-type"] == headers["Content-Type"]
    assert model.rows() == {"default": 2}  # one of each form: the other is of 1970


def test_lying_types(model: Watched) -> None:
    """JSON under protobuf's name, protobuf under JSON's and either under none are read as what they are."""
    made = export(({"service.name": model.name}, [record({"x": 1.0})]))
    text = MessageToJson(made).encode()
    for body, headers in (
        (text, PROTOBUF),
        (b"\n" + text, PROTOBUF),
        (b" " + text, {"Content-Encoding": "br"}),
        (made.SerializeToString(), JSON),
    ):
        assert model.call("POST", "/v1/logs", content=body, headers=headers).status_code == 200
    assert model.rows() == {"default": 4}


def test_partial_success(model: Watched, locked: Locked) -> None:
    """Records of unknown models and records that hold no row are rejected; the others count, and once."""
    mine = [record({"x": 1.0}), record(body="text"), record({"x": 2.0})]
    made = export(({"service.name": model.name}, mine), ({"service.name": "nobody"}, [record({"x": 1.0})] * 2))
    for _ in range(2):
        answer = model.call("POST", "/v1/logs", content=made.SerializeToString(), headers=PROTOBUF)
        partial = ExportLogsServiceResponse.FromString(answer.content).partial_success
        assert (answer.status_code, partial.rejected_log_records) == (200, 3)
        assert "'nobody'" in partial.error_message
    document = model.call("POST", "/v1/logs", content=MessageToJson(made).encode(), headers=JSON).json()
    assert int(document["partialSuccess"]["rejectedLogRecords"]) == 3
    assert model.rows() == {"default": 4}
    bare = watched(locked, baseline=False)
    lone = export(({"service.name": bare.name}, [record({"x": 1.0})]))
    answer = bare.call("POST", "/v1/logs", content=lone.SerializeToString(), headers=PROTOBUF)
    assert ExportLogsServiceResponse.FromString(answer.content).partial_success.rejected_log_records == 1


def test_who_is_meant(model: Watched, locked: Locked) -> None:
    """The URL's model comes before the resource's, an unknown one does not; a key sees its own models only."""
    other = watched(locked)
    body = export(({"service.name": model.name, "service.version": ""}, [record({"x": 1.0})])).SerializeToString()
    path = f"/v1/logs?model={other.name}&version=canary"
    assert model.call("POST", path, content=body, headers=PROTOBUF).content == b""
    assert model.call("POST", "/v1/logs?model=nobody", content=body, headers=PROTOBUF).content == b""
    assert (other.rows(), model.rows()) == ({"canary": 1}, {"default": 1})
    stranger = locked.key("ingest", models=[other.name])
    answer = locked.call("POST", "/v1/logs", stranger, content=body + b"\x0a\0", headers=PROTOBUF)
    assert ExportLogsServiceResponse.FromString(answer.content).partial_success.rejected_log_records == 1
    assert model.rows() == {"default": 1}


def test_two_versions_in_one_export(model: Watched) -> None:
    """Resources of one model with versions of their own count under each, once."""
    parts = [({"service.name": model.name, "service.version": v}, [record({"x": 1.0})]) for v in ("a", "b", "a")]
    for _ in range(2):
        answer = model.call("POST", "/v1/logs", content=export(*parts).SerializeToString(), headers=PROTOBUF)
        assert answer.content == b""
    assert model.rows() == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"\x0a\x05abc", PROTOBUF),
        (b"\xff\xff", {}),
        (b"\x1f\x8bbroken", PROTOBUF),
        (b'{"resourceLogs":7}', JSON),
        (b"{", JSON),
        (b"[" * 100_000, JSON),
    ],
)
def test_undecodable(model: Watched, body: bytes, headers: dict[str, str]) -> None:
    """What cannot be read is 400 with a Status in the form that was announced."""
    answer = model.call("POST", "/v1/logs", content=body, headers=headers)
    assert answer.status_code == 400
    if headers is JSON:
        assert (answer.headers["content-type"], answer.json()["code"]) == ("application/json", 3)
    else:
        assert answer.headers["content-type"] == "application/x-protobuf"
        assert Status.FromString(answer.content).code == 3


def test_an_encoding_that_nobody_speaks(model: Watched) -> None:
    """A body that cannot be read for its encoding is 400 and says so."""
    answer = model.call(
        "POST", "/v1/logs", content=b"\xff\x06\0\0sNaPpY", headers=PROTOBUF | {"Content-Encoding": "snappy"}
    )
    assert answer.status_code == 400
    assert "snappy" in Status.FromString(answer.content).message


def test_a_bomb_is_no_load(model: Watched) -> None:
    """A body that grows beyond the limit is 413, as a Status."""
    answer = model.call("POST", "/v1/logs", content=gzip.compress(bytes(64 << 20)), headers=JSON)
    assert (answer.status_code, json.loads(answer.content)["code"]) == (413, 3)


def test_health(model: Watched) -> None:
    """GET and HEAD on the ingest paths are 200."""
    for path in ("/v1/logs", f"/v1/models/{model.name}/batches", "/v1/models/nobody/batches"):
        assert [model.call(method, path).status_code for method in ("GET", "HEAD")] == [200, 200]
