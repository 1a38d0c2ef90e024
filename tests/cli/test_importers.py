"""`driftgauge batch send` on what other systems keep: files written by hand from their documentation."""

import base64
import csv
import datetime as dt
import gzip
import json
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.cli.importers import kserve
from app.cli.importers.forms import Form, files_of, form_of, parcels
from app.cli.importers.schema import Schema
from app.cli.parcels import Parcel
from service import Service, command, environment

NOON: Final = int(time.time()) // 86_400 * 86_400 - 7 * 86_400
MODEL: Final[dict[str, Any]] = {
    "time_column": "timestamp",
    "features": {
        "x": {"kind": "numeric", "role": "feature"},
        "score": {"kind": "numeric", "role": "prediction"},
        "c": {"kind": "categorical", "role": "feature"},
    },
}
ISO: Final = dt.datetime.fromtimestamp(NOON, dt.UTC).isoformat().replace("+00:00", "Z")


def rows(parcel: Parcel) -> list[dict[str, Any]]:
    """The rows of a batch."""
    assert parcel.body is not None
    found: list[dict[str, Any]] = json.loads(parcel.body.content)["rows"]
    return found


def made(paths: Sequence[Path], form: Form = Form.AUTO) -> list[Parcel]:
    """The batches of files."""
    return list(parcels(files_of(paths), form, lambda: Schema.of(MODEL), read=lambda _: None))


def lines(path: Path, records: Sequence[object]) -> Path:
    """Write one JSON value a line."""
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in records), encoding="utf-8")
    return path


def captured(asked: Mapping[str, Any], answered: Mapping[str, Any] | None, event: str) -> dict[str, Any]:
    """An event of SageMaker's data capture."""
    halves = {"endpointInput": {"mode": "INPUT", **asked}}
    if answered is not None:
        halves["endpointOutput"] = {"mode": "OUTPUT", **answered}
    return {"captureData": halves, "eventMetadata": {"eventId": event, "inferenceTime": ISO}, "eventVersion": "0"}


def b64(text: str) -> str:
    """Text as base64."""
    return base64.b64encode(text.encode()).decode()


CAPTURE: Final = [
    captured(
        {"observedContentType": "text/csv", "data": "41.5,Oslo\n,Bergen\nTRUE,false", "encoding": "CSV"},
        {"observedContentType": "text/csv; charset=utf-8", "data": "0.7\n0.1\n0.2\n", "encoding": "CSV"},
        "e1",
    ),
    captured({"data": b64("1.5,Ås"), "encoding": "BASE64"}, {"data": b64("0.5"), "encoding": "BASE64"}, "e2"),
    captured(
        {
            "observedContentType": "application/json",
            "data": '{"instances":[{"features":[NaN,"Oslo"]}]}',
            "encoding": "JSON",
        },
        {"observedContentType": "application/json", "data": '{"predictions":[{"score":0.9}]}', "encoding": "JSON"},
        "e3",
    ),
    captured({"observedContentType": "application/json", "data": '{"x":5,"c":"a"}', "encoding": "JSON"}, None, "e4"),
    captured({"observedContentType": "text/csv", "data": "1,2,3", "encoding": "CSV"}, None, "e5"),
    captured(
        {"observedContentType": "application/jsonlines", "data": '{"x":1}\n{"x":2}', "encoding": "JSON"},
        {"observedContentType": "application/jsonlines", "data": '{"score":3}\n{"score":4}', "encoding": "JSON"},
        "e6",
    ),
]


def test_sagemaker(tmp_path: Path) -> None:
    """Every encoding gives its rows, one batch an event, by the event's id; a broken line costs itself."""
    path = lines(tmp_path / "00-12-uuid.jsonl", [*CAPTURE, "{broken"])
    found = made([path])
    assert [one.id for one in found if one.body] == ["e1", "e2", "e3", "e4", "e6"]
    assert sum(one.refused for one in found) == 2
    first, second, third, fourth, last = (rows(one) for one in found if one.body)
    assert first == [
        {"x": "41.5", "c": "Oslo", "score": "0.7", "timestamp": ISO},
        {"x": None, "c": "Bergen", "score": "0.1", "timestamp": ISO},
        {"x": True, "c": False, "score": "0.2", "timestamp": ISO},
    ]
    assert second == [{"x": "1.5", "c": "Ås", "score": "0.5", "timestamp": ISO}]
    assert str(third) == f"[{{'x': nan, 'c': 'Oslo', 'score': 0.9, 'timestamp': '{ISO}'}}]"
    assert fourth == [{"x": 5, "c": "a", "timestamp": ISO}]
    assert [row["score"] for row in last] == [3, 4]


@pytest.mark.parametrize(
    "asked",
    [
        '{"instances":[[1,"Oslo"],[2,"Bergen"]]}',
        '{"instances":[{"data":{"features":{"values":[1,"Oslo"]}}},{"data":{"features":{"values":[2,"Bergen"]}}}]}',
        '{"data":{"features":{"values":[1,"Oslo"]}}}\n{"data":{"features":{"values":[2,"Bergen"]}}}',
        '{"features":[1,"Oslo"]}\n{"features":[2,"Bergen"]}',
    ],
)
def test_lines_of_sagemaker(tmp_path: Path, asked: str) -> None:
    """Rows in any of the documented wrappings are found; predictions may stand on one line."""
    event = captured(
        {"observedContentType": "application/jsonlines", "data": asked, "encoding": "JSON"},
        {"observedContentType": "text/csv; charset=utf-8", "data": "0.7,0.1", "encoding": "CSV"},
        "e1",
    )
    (found,) = made([lines(tmp_path / "00-12-uuid.jsonl", [event])])
    assert [(row["x"], row["c"], row["score"]) for row in rows(found)] == [(1, "Oslo", "0.7"), (2, "Bergen", "0.1")]


def test_whole_answers_on_lines(tmp_path: Path) -> None:
    """A line of the output may hold all predictions."""
    event = captured(
        {"observedContentType": "application/jsonlines", "data": '{"x":1}\n{"x":2}', "encoding": "JSON"},
        {"observedContentType": "application/jsonlines", "data": '{"predictions":[0.5,0.25]}'},
        "e1",
    )
    (found,) = made([lines(tmp_path / "00-12-uuid.jsonl", [event])])
    assert [row["score"] for row in rows(found)] == [0.5, 0.25]


def blob(kind: str, call: str, body: bytes, content_type: str = "application/json") -> dict[str, str]:
    """A record of KServe's blob store."""
    return {
        "url": "s3://b", "bytes": base64.b64encode(body).decode(), "contentType": content_type, "reqType": kind,
        "id": call, "endpoint": "canary", "occurrenceTime": ISO,
    }  # fmt: skip


@pytest.mark.parametrize("suffix", ["json", "csv", "parquet"])
def test_kserve_blobs(tmp_path: Path, suffix: str) -> None:
    """Requests and responses meet by their id, whatever the encoding of the files; a lone request has no score."""
    halves = {
        "a-request": blob("request", "a", b'{"instances":[[1.5,"Oslo"],[NaN,null]]}'),
        "a-response": blob("response", "a", b'{"predictions":[0.7,0.1]}'),
        "b-request": blob("request", "b", b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[2]}]}'),
        "c-response": blob("response", "c", b'{"predictions":[1]}'),
        "d-request": blob("org.kubeflow.serving.inference.request", "d", b"\xff\xfe"),
    }
    for name, record in halves.items():
        path = tmp_path / "ml" / "credit" / f"{name}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix == "json":
            path.write_text(json.dumps(record))
        elif suffix == "csv":
            with path.open("w", newline="") as file:
                csv.writer(file).writerows([list(record), list(record.values())])
        else:
            pq.write_table(pa.table({key: [value] for key, value in record.items()}), path)
    found = [one for one in made([tmp_path]) if one.body]
    assert [one.version for one in found] == ["canary", "canary"]
    assert str(rows(found[0])) == str(
        [
            {"x": 1.5, "c": "Oslo", "score": 0.7, "timestamp": ISO},
            {"x": float("nan"), "c": None, "score": 0.1, "timestamp": ISO},
        ]
    )
    assert rows(found[1]) == [{"x": 2.0, "timestamp": ISO}]
    assert len({one.id for one in found}) == 2
    assert form_of(files_of([tmp_path])[0]) is Form.KSERVE_BLOB


def test_waiting_halves_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Halves that wait too long go alone, so that memory stays."""
    monkeypatch.setattr(kserve, "WAITING_BYTES", 100)
    for n in range(20):
        record = blob("request", str(n), json.dumps({"instances": [[n, "a"]]}).encode())
        (tmp_path / f"{n:02}-request.json").write_text(json.dumps(record))
    assert sum(len(rows(one)) for one in made([tmp_path])) == 20


@pytest.mark.parametrize("suffix", ["ndjson", "parquet"])
def test_databricks(tmp_path: Path, suffix: str) -> None:
    """Both sides come out of their strings; a call that failed has no predictions, one that is none costs itself."""
    split = {"dataframe_split": {"columns": ["c", "x"], "data": [["a", 1.5], ["ü", None]]}}
    calls = [
        (split, {"predictions": [0.1, 0.2]}, 200),
        ({"dataframe_records": [{"x": 3}]}, {"predictions": [{"score": 0.3}]}, 200),
        ({"inputs": {"x": [4], "c": ["a"]}}, {"error_code": "BAD"}, 400),
    ]
    records = [
        {
            "databricks_request_id": str(n), "timestamp_ms": NOON * 1000, "status_code": code,
            "request": json.dumps(asked), "response": json.dumps(answered), "sampling_fraction": 1.0,
        }
        for n, (asked, answered, code) in enumerate(calls)
    ]  # fmt: skip
    records.append(records[0] | {"request": "no json"})
    path = tmp_path / f"payload.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(records), path)
    else:
        lines(path, records)
    (found,) = made([path])
    at = {"timestamp": NOON * 1000}
    assert rows(found) == [
        {"c": "a", "x": 1.5, "score": 0.1} | at,
        {"c": "ü", "x": None, "score": 0.2} | at,
        {"x": 3, "score": 0.3} | at,
        {"x": 4, "c": "a"} | at,
    ]
    assert found.refused == 1


def test_vertex(tmp_path: Path) -> None:
    """Arrays of instances and predictions, as BigQuery exports them to Parquet."""
    moment = pa.scalar(NOON * 1_000_000_000, pa.timestamp("ns", "UTC"))
    table = pa.table(
        {
            "logging_time": pa.array([moment, moment]),
            "request_payload": [['{"x":1.5,"c":"a"}', '{"x":null,"c":"b"}'], ['[7,"a"]']],
            "response_payload": [["0.7", "0.1"], ['{"score":0.5}']],
        }
    )
    pq.write_table(table, tmp_path / "log.parquet")
    (found,) = made([tmp_path / "log.parquet"])
    assert [(row["x"], row["c"], row["score"]) for row in rows(found)] == [
        (1.5, "a", 0.7),
        (None, "b", 0.1),
        (7, "a", 0.5),
    ]
    assert {row["timestamp"] for row in rows(found)} == {ISO.replace("Z", "+00:00")}


def test_vertex_as_lines_of_bigquery(tmp_path: Path) -> None:
    """Times end in the name of their zone, and the second schema may tell calls as a whole."""
    call = {"logging_time": ISO.replace("T", " ").replace("Z", ".5 UTC"), "request_payload": [], "response_payload": []}
    asked, answered = {"instances": [{"x": 3, "c": "b"}]}, {"predictions": [0.25]}
    whole = [
        call | {"request_payload": ['{"x":1,"c":"a"}'], "response_payload": ["0.5"]},
        call | {"full_request": asked, "full_response": answered},
        call | {"full_request": json.dumps(asked), "full_response": json.dumps(answered)},
    ]
    (found,) = made([lines(tmp_path / "log-000000000000", whole)])
    assert [(row["x"], row["c"], row["score"]) for row in rows(found)] == [
        (1, "a", 0.5),
        (3, "b", 0.25),
        (3, "b", 0.25),
    ]
    assert {row["timestamp"] for row in rows(found)} == {ISO.replace("T", " ").replace("Z", ".5Z")}


def test_bytes_that_are_no_base64(tmp_path: Path) -> None:
    """A captured request that cannot be read is one refused row, an answer is none; the events beside them stay."""
    bad = {"data": "!!!no", "encoding": "BASE64"}
    events = [captured(bad, None, "a"), captured(CAPTURE[1]["captureData"]["endpointInput"], bad, "b"), CAPTURE[1]]
    found = made([lines(tmp_path / "12-00.jsonl", events)])
    assert [one.refused for one in found] == [1, 0, 0]
    assert [[row.get("score") for row in rows(one)] for one in found[1:]] == [[None], ["0.5"]]


def test_folders_of_rows(tmp_path: Path) -> None:
    """Plain files in folders are sent as they are; hidden ones and marks of completeness are not."""
    for name in ("day=1/part-0.csv", "day=2/part-0.csv"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(f"x,c\n{name[4]},a\n")
    for name in ("_SUCCESS", ".part.csv.crc", "README.md", "LICENSE"):
        (tmp_path / name).write_text("x")
    (tmp_path / "manifest").write_text('{"entries":[]}')
    lines(tmp_path / "export-000000000000", [{"x": 1}, {"x": 2}])
    assert [one.name for one in files_of([tmp_path])] == ["part-0.csv", "part-0.csv", "export-000000000000"]
    assert len({one.id for one in made([tmp_path])}) == 3


def test_halves_of_other_files_stay(tmp_path: Path) -> None:
    """A file of halves that is cut short costs those of no other file."""
    halves = [
        {"id": "1", "reqType": f"x.{kind}", "bytes": b64(body)}
        for kind, body in (("request", '{"instances":[[1,"a"]]}'), ("response", '{"predictions":[2]}'))
    ]
    lines(tmp_path / "a.jsonl", halves[:1])
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(json.dumps(halves[0]).encode())[:-9])
    lines(tmp_path / "c.jsonl", halves[1:])
    told: list[str] = []
    files, schema = files_of([tmp_path]), lambda: Schema.of(MODEL)
    found = parcels(files, Form.KSERVE_BLOB, schema, read=lambda _: None, failed=lambda file, _: told.append(file.name))
    assert [rows(one) for one in found] == [[{"x": 1, "c": "a", "score": 2}]]
    assert told == ["b.jsonl.gz"]


def test_halves_by_file_name(tmp_path: Path) -> None:
    """Where a record does not say which half of which call it is, its file's name does."""
    for kind, body in (("request", b'{"instances":[[1,"a"]]}'), ("response", b'{"predictions":[2]}')):
        record = {"bytes": base64.b64encode(body).decode(), "contentType": "application/json"}
        (tmp_path / f"call-7-{kind}.json").write_text(json.dumps(record))
    (found,) = made([tmp_path], Form.KSERVE_BLOB)
    assert rows(found) == [{"x": 1, "c": "a", "score": 2}]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """One service for all tests of this file."""
    with Service({"DRIFTGAUGE_EVALUATE_INTERVAL": "1h"}) as running:
        yield running


def sent(service: Service, path: Path, model: str) -> "subprocess.CompletedProcess[str]":
    """Send a file as history."""
    return subprocess.run(
        command("batch", "send", str(path), "--model", model, "--url", service.url, "--backfill"),
        env=environment(service.data_dir) | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_sent_twice_counts_once(service: Service, tmp_path: Path) -> None:
    """A capture that is sent again is all duplicates; every event is found under its id."""
    name = f"captured-{uuid.uuid4().hex[:8]}"
    service.client.put(f"/v1/models/{name}", json={"features": MODEL["features"]}).raise_for_status()
    reference = {"rows": [{"x": n, "c": "ab"[n % 2], "score": n / 9} for n in range(50)]}
    service.client.post(f"/v1/models/{name}/baselines?activate=true", json=reference).raise_for_status()
    path = lines(tmp_path / "12-00.jsonl", CAPTURE)
    answers = []
    for _ in range(2):
        done = sent(service, path, name)
        assert done.returncode == 0, done.stderr
        answers.append(json.loads(done.stdout))
    assert answers[0]["rows"] == {"received": 9, "accepted": 8, "late": 0, "future": 0, "rejected": 1}
    assert (answers[0]["duplicates"], answers[1]["duplicates"]) == (0, 5)
    (window,) = service.client.get(f"/v1/models/{name}/windows").json()
    assert window["rows"] == 8
    assert service.client.get(f"/v1/models/{name}/batches/e3").json()["rows"]["accepted"] == 1
    changed = {**CAPTURE[3], "captureData": CAPTURE[2]["captureData"]}
    done = sent(service, lines(path, [changed, CAPTURE[0]]), name)
    assert "1 batches were sent before with other rows" in done.stderr
    assert json.loads(done.stdout)["duplicates"] == 1


def test_a_file_that_cannot_be_read_costs_no_other(service: Service, tmp_path: Path) -> None:
    """The others are sent, and the end tells which one was not."""
    name = f"folder-{uuid.uuid4().hex[:8]}"
    service.client.put(f"/v1/models/{name}", json={"features": MODEL["features"]}).raise_for_status()
    reference = {"rows": [{"x": n, "c": "ab"[n % 2], "score": n / 9} for n in range(50)]}
    service.client.post(f"/v1/models/{name}/baselines?activate=true", json=reference).raise_for_status()
    (tmp_path / "a.csv").write_text("x,c\n1,a\n")
    (tmp_path / "b.parquet").write_bytes(b"PAR1garbagePAR1")
    (tmp_path / "c.csv").write_text("x,x\n1,a\n")
    lines(tmp_path / "d.jsonl", [{"x": 2, "c": "b"}])
    done = sent(service, tmp_path, name)
    assert done.returncode == 1
    assert json.loads(done.stdout)["rows"]["accepted"] == 2
    assert "b.parquet: undecodable" in done.stderr
    assert "c.csv: repeated-name" in done.stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no files of rows" in sent(service, empty, name).stderr
