"""A model with a suite keeps a sample of its rows: from every sender the same rows, and no value of a sensitive one."""

import csv
import io
import json
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgpack
import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from app.wire.picks import unpacked
from service import Service, until

pytestmark = pytest.mark.postgres

MODEL: Final = "m"
PATH: Final = f"/v1/models/{MODEL}"
JSON: Final = {"Content-Type": "application/json"}
DOUBLES: Final = tuple(f"a{n}" for n in range(9))
NAMES: Final = (*DOUBLES, "whole", "word", "flag", "secret")
HIDDEN: Final = "secret"
Columns = dict[str, list[Any]]
Send = Callable[[Service, Columns, str], Any]


def columns_of(rows: int) -> Columns:
    """Times of the last minutes in nanoseconds, and values that every sender can write; the last column is hidden."""
    rng = np.random.default_rng(rows)
    now = int(np.datetime64("now", "s").astype(np.int64))
    found: Columns = {"timestamp": [(now - n % 50) * 10**9 for n in range(rows)]}
    found |= {name: [float(x) for x in np.round(rng.normal(size=rows), 6) + 0.1234567] for name in DOUBLES}
    found["whole"] = [n % 7 for n in range(rows)]
    found["word"] = [["Oslo", "東京", 'say "hi"', "}{"][n % 4] for n in range(rows)]
    found["flag"] = [n % 3 == 0 for n in range(rows)]
    found["secret"] = ["hidden"] * rows
    return found


def objects(columns: Columns) -> list[dict[str, Any]]:
    """The rows."""
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def put(service: Service, body: bytes, kind: str, version: str) -> Any:
    """Send rows in a format of our own."""
    where = f"{PATH}/batches/{version.replace(' ', '-')}"
    return service.client.put(where, content=body, params={"version": version}, headers={"Content-Type": kind})


def post(service: Service, where: str, body: bytes, version: str, headers: dict[str, str]) -> Any:
    """Send rows as somebody else does."""
    return service.client.post(where, content=body, params={"version": version, "model": MODEL}, headers=headers)


def own(kind: str, write: Callable[[Columns], bytes]) -> Send:
    """A format of our own."""
    return lambda service, columns, version: put(service, write(columns), kind, version)


def mirrored(path: str, write: Callable[[Columns], bytes], headers: dict[str, str] | None = None) -> Send:
    """A body as a proxy mirrors it."""
    return lambda service, columns, version: post(service, path, write(columns), version, headers or JSON)


def csv_of(columns: Columns) -> bytes:
    """Cells as Python writes them."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue().encode()


def arrays(columns: Columns, how: str = "") -> dict[str, pa.Array]:
    """Typed columns, some of another make."""
    found = {name: pa.array(column) for name, column in columns.items()}
    found["timestamp"] = found["timestamp"].cast(pa.timestamp("ns", "UTC"))
    if how == "dictionaries":
        return {name: array.dictionary_encode() for name, array in found.items()}
    if how == "runs":
        ends = pa.array(range(1, len(columns["word"]) + 1), pa.int32())
        runs = {name: pa.RunEndEncodedArray.from_arrays(ends, found[name]) for name in ("word", "a3", "whole")}
        return found | runs
    if how == "structs":
        inner = {name: column for name, column in found.items() if name != "timestamp"}
        features = pa.StructArray.from_arrays(list(inner.values()), names=list(inner))
        return {"timestamp": found["timestamp"], "features": features}
    if how == "views":
        return found | {"word": found["word"].cast(pa.string_view())}
    if how == "doubles":
        return {name: found[name] for name in ("timestamp", *DOUBLES)}
    return found | ({"whole": found["whole"].cast(pa.int8())} if how == "narrow" else {})


def stream(how: str = "", *, compression: str | None = None, batches: int = 1) -> Send:
    """An Arrow stream."""

    def write(columns: Columns) -> bytes:
        table, sink = pa.table(arrays(columns, how)), io.BytesIO()
        options = pa.ipc.IpcWriteOptions(compression=compression)
        with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
            writer.write_table(table.unify_dictionaries(), max_chunksize=-(-len(columns["word"]) // batches))
        return sink.getvalue()

    return own("application/vnd.apache.arrow.stream", write)


def parquet(how: str = "") -> Send:
    """A file of several groups of rows."""

    def write(columns: Columns) -> bytes:
        sink = io.BytesIO()
        pq.write_table(pa.table(arrays(columns, how)), sink, row_group_size=len(columns["word"]) // 2)
        return sink.getvalue()

    return own("application/vnd.apache.parquet", write)


def tensors(columns: Columns, *, binary: bool) -> tuple[bytes, int]:
    """One tensor a column, as the Open Inference Protocol has them; gives the body and the length of its head."""
    kinds = {float: ("FP64", "<f8"), int: ("INT64", "<i8"), bool: ("BOOL", "?"), str: ("BYTES", "")}
    inputs, tail = [], b""
    for name, column in columns.items():
        datatype, form = kinds[type(column[0])]
        one: dict[str, Any] = {"name": name, "shape": [len(column), 1], "datatype": datatype}
        if binary:
            words = (struct.pack("<I", len(word.encode())) + word.encode() for word in column) if not form else ()
            octets = np.array(column, form).tobytes() if form else b"".join(words)
            one["parameters"] = {"binary_data_size": len(octets)}
            tail += octets
        else:
            one["data"] = column
        inputs.append(one)
    head = json.dumps({"inputs": inputs}).encode()
    return head + tail, len(head)


def binary_tensors(service: Service, columns: Columns, version: str) -> Any:
    """A mirrored request of tensors as bytes."""
    body, head = tensors(columns, binary=True)
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(head)}
    return post(service, f"/v2/models/{MODEL}/infer", body, version, headers)


def paired(service: Service, columns: Columns, version: str) -> Any:
    """A request and its response, each an event of its own."""
    answered = {"predictions": [{"whole": one} for one in columns["whole"]]}
    asked = {"instances": objects({name: column for name, column in columns.items() if name != "whole"})}
    for kind, body in (("response", answered), ("request", asked)):
        event = {"specversion": "1.0", "id": version, "source": "here", "inferenceservicename": MODEL, "data": body}
        event["type"] = f"org.kubeflow.serving.inference.{kind}"
        headers = {"Content-Type": "application/cloudevents+json"}
        sent = post(service, "/v1/cloudevents", json.dumps(event).encode(), version, headers)
        if sent.status_code != 200:
            break
    return sent


def logs(*, protobuf: bool) -> Send:
    """Log records of OpenTelemetry."""

    def value(held: Any) -> AnyValue:
        kinds = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}
        return AnyValue(**{kinds[type(held)]: held})

    def send(service: Service, columns: Columns, version: str) -> Any:
        records = [
            LogRecord(
                time_unix_nano=row.pop("timestamp"),
                attributes=[KeyValue(key=name, value=value(held)) for name, held in row.items()],
            )
            for row in objects(columns)
        ]
        resource = Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value=MODEL))])
        logs = ResourceLogs(resource=resource, scope_logs=[ScopeLogs(log_records=records)])
        export = ExportLogsServiceRequest(resource_logs=[logs])
        if protobuf:
            kind = {"Content-Type": "application/x-protobuf"}
            return post(service, "/v1/logs", export.SerializeToString(), version, kind)
        return post(service, "/v1/logs", json_format.MessageToJson(export).encode(), version, JSON)

    return send


def fluent(columns: Columns) -> bytes:
    """Entries of a time and a record."""
    rows = objects(columns)
    octets: bytes = msgpack.packb([[row.pop("timestamp") / 1e9, row] for row in rows])
    return octets


def frame(columns: Columns) -> bytes:
    """A frame as MLflow's clients split it."""
    data = list(zip(*columns.values(), strict=True))
    return json.dumps({"dataframe_split": {"columns": list(columns), "data": data}}).encode()


def seldon(columns: Columns) -> bytes:
    """A message of Seldon's first protocol."""
    data = [list(row) for row in zip(*columns.values(), strict=True)]
    return json.dumps({"data": {"names": list(columns), "ndarray": data}}).encode()


PREDICT: Final = f"{PATH}:predict"
WAYS: Final[dict[str, Send]] = {
    "rows": own("application/json", lambda columns: json.dumps({"rows": objects(columns)}).encode()),
    "array": own("application/json", lambda columns: json.dumps(objects(columns)).encode()),
    "columns": own("application/json", lambda columns: json.dumps({"columns": columns}).encode()),
    "ndjson": own("application/x-ndjson", lambda columns: "\n".join(map(json.dumps, objects(columns))).encode()),
    "csv": own("text/csv", csv_of),
    "arrow": stream(),
    "arrow lz4": stream(compression="lz4"),
    "arrow zstd": stream("narrow", compression="zstd"),
    "arrow in batches": stream(batches=3),
    "arrow dictionaries": stream("dictionaries"),
    "arrow dictionaries in batches": stream("dictionaries", batches=3),
    "arrow views": stream("views"),
    "arrow runs": stream("runs"),
    "arrow doubles": stream("doubles"),
    "arrow structs": stream("structs"),
    "parquet": parquet(),
    "parquet structs": parquet("structs"),
    "msgpack": own("application/msgpack", fluent),
    "tensors": mirrored(f"/v2/models/{MODEL}/infer", lambda columns: tensors(columns, binary=False)[0]),
    "tensors as bytes": binary_tensors,
    "instances": mirrored(PREDICT, lambda columns: json.dumps({"instances": objects(columns)}).encode()),
    "inputs": mirrored(PREDICT, lambda columns: json.dumps({"inputs": columns}).encode()),
    "frame": mirrored(PREDICT, frame),
    "seldon": mirrored(PREDICT, seldon),
    "events": paired,
    "logs": logs(protobuf=True),
    "logs as json": logs(protobuf=False),
}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service whose only model has a suite."""
    with Service({"DRIFTGAUGE_EVALUATE_INTERVAL": "1h"}) as running:
        features: dict[str, Any] = {name: {"kind": "numeric"} for name in (*DOUBLES, "whole")}
        features |= {name: {"kind": "categorical"} for name in ("word", "flag")}
        features |= {HIDDEN: {"kind": "categorical", "sensitive": True}}
        features["whole"]["role"] = "prediction"
        client = running.client
        assert client.put(PATH, json={"features": features, "window": "1d"}).status_code == 201
        learnt = {name: column for name, column in columns_of(100).items() if name != "timestamp"}
        assert client.post(f"{PATH}/baselines?activate=true", json={"columns": learnt}).status_code == 201
        rule = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a1"}}
        assert client.post(f"{PATH}/expectations", json={"name": "s", "expectations": [rule]}).status_code == 201
        yield running


def sampled(service: Service) -> dict[str, Counter[tuple[Any, ...]]]:
    """The sampled rows of each version, as numbers, words and nulls."""
    lines = next(service.data_dir.rglob("postmaster.pid")).read_text(encoding="utf-8").splitlines()
    found: dict[str, Counter[tuple[Any, ...]]] = {}
    with psycopg.connect(host=lines[4], port=int(lines[3]), user="postgres", dbname="postgres") as conn:
        for version, hashes, payload in conn.execute("SELECT version, hashes, payload FROM reservoir_part"):
            columns = unpacked(payload).columns
            assert HIDDEN not in columns
            rows = [
                tuple(_plain(name, columns[name][n]) if name in columns else None for name in NAMES)
                for n in range(len(hashes) // 8)
            ]
            found.setdefault(version, Counter()).update(rows)
    return found


def _plain(name: str, value: Any) -> Any:
    if name == "flag":
        return str(value).lower()
    return value if value is None or name == "word" else float(value)


@pytest.mark.parametrize("rows", [7, 1200])
def test_every_sender_gives_the_same_sample(service: Service, rows: int) -> None:
    """Few rows and many, each sender under a version of its own: all are taken, and all are in the sample."""
    columns = columns_of(rows)
    wanted: dict[str, Counter[tuple[Any, ...]]] = {}
    for way, send in WAYS.items():
        version = f"{way} {rows}"
        sent = send(service, columns, version)
        assert sent.status_code == 200, (way, sent.text)
        held = set(NAMES) - {HIDDEN} if way != "arrow doubles" else set(DOUBLES)
        wanted[version] = Counter(
            tuple(_plain(name, row[name]) if name in held else None for name in NAMES) for row in objects(columns)
        )
    until(lambda: wanted.keys() <= sampled(service).keys(), what="a sample of each")
    found = sampled(service)
    for version, expected in wanted.items():
        assert found[version] == expected, version
    assert "unexpected error" not in service.log.read_text(encoding="utf-8")
