"""Log shippers on `/v1/models/{model}/batches`: recorded shapes of Fluent Bit and Vector, and syslog-ng itself."""

import gzip
import hashlib
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path
from typing import Any, Final

import msgpack
import pytest

from api.locked import Locked
from api.posting import Watched, watched
from service import until

FLUENT_BIT: Final = {"User-Agent": "Fluent-Bit", "Content-Type": "application/json"}
VECTOR: Final = {"User-Agent": "Vector/0.50.0 (x86_64-unknown-linux-gnu)"}


@pytest.fixture
def model(locked: Locked) -> Watched:
    """A model whose rows may come in envelopes."""
    return watched(locked, envelope=["log", "message"])


def records(count: int = 4) -> list[dict[str, Any]]:
    """Events of a shipper: values good and bad, in four wrappings."""
    now = time.time()
    rows: list[dict[str, Any]] = [
        {"x": 1.0, "c": "a"},
        {"log": json.dumps({"x": 2.0, "c": "b"}), "stream": "stdout"},
        {"message": {"features": {"x": None, "c": "ü"}, "prediction": 0.5}},
        {"x": "junk", "c": None},
    ]
    return [{"date": now, **row} for row in rows[:count]]


def packed(events: list[dict[str, Any]]) -> bytes:
    """Events as Fluent Bit 2 writes them: back to back, with event times and metadata."""
    parts = []
    for event in events:
        seconds, rest = divmod(event["date"], 1)
        at = msgpack.ExtType(0, struct.pack(">II", int(seconds), int(rest * 1e9)))
        parts.append(msgpack.packb([[at, {}], {name: value for name, value in event.items() if name != "date"}]))
    return b"".join(parts)


FORMATS: Final[dict[str, tuple[str, Any]]] = {
    "json": ("application/json", lambda events: json.dumps(events).encode()),
    "json_lines": ("application/x-ndjson", lambda events: "\n".join(map(json.dumps, events)).encode()),
    "json_stream": ("application/json", lambda events: "".join(map(json.dumps, events)).encode()),
    "msgpack": ("application/msgpack", packed),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("count", [1, 4])
def test_fluent_bit(model: Watched, form: str, count: int) -> None:
    """Every format of the http output gives the same counts, and a retry counts once."""
    content_type, write = FORMATS[form]
    body = write(records(count))
    answers = [model.post(body, **(FLUENT_BIT | {"Content-Type": content_type})) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json()["duplicate"] for answer in answers] == [False, True]
    assert answers[0].json()["untimed"] == 0
    assert model.rows() == {"default": count}
    if count == 4:
        counts = model.counts()
        assert counts["c"] == {"a": 1, "b": 1, "unseen": 1, "null": 1}
        assert (counts["x"]["null"], counts["x"]["invalid"]) == (1, 1)
        assert counts["score"]["null"] == 3


def test_one_record_in_each_format_counts_once(model: Watched) -> None:
    """The word of the format is counted; different bytes are different batches."""
    for content_type, write in FORMATS.values():
        model.post(write(records()), **(FLUENT_BIT | {"Content-Type": content_type}))
    assert model.rows() == {"default": 16}
    metrics = model.call("GET", "/metrics").text
    for word, rows in (("json", 8), ("ndjson", 4), ("msgpack", 4)):
        labels = f'format="{word}",model="{model.name}",outcome="accepted"'
        assert f"driftgauge_ingest_rows_total{{{labels}}} {rows}.0" in metrics


@pytest.mark.parametrize("framing", ["array", "lines"])
def test_vector(model: Watched, framing: str) -> None:
    """Vector's array and its lines without a last line end; the body is its own id without being asked."""
    at = time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime())
    events = [{"timestamp": at, "host": "a", "message": json.dumps({"x": 1.0, "c": "a"})}, {"timestamp": at, "x": 2.0}]
    body = json.dumps(events).encode() if framing == "array" else "\n".join(map(json.dumps, events)).encode()
    kind = "application/json" if framing == "array" else "application/x-ndjson"
    for _ in range(2):
        answer = model.post(body, **(VECTOR | {"Content-Type": kind}))
        assert (answer.status_code, answer.json()["rows"]["accepted"]) == (200, 2)
    assert model.rows() == {"default": 2}


def test_dedupe(model: Watched) -> None:
    """Asked for in the URL it works for anybody, compressed or not, and an id that is sent comes first."""
    body = json.dumps(records()).encode()
    first = model.post(body, path="batches?dedupe=body").json()
    assert first["batch_id"] == hashlib.sha256(body).hexdigest()
    again = model.post(gzip.compress(body), path="batches?dedupe=body", Content_Encoding="gzip").json()
    assert (again["batch_id"], again["duplicate"]) == (first["batch_id"], True)
    assert model.post(body, Idempotency_Key="mine", **FLUENT_BIT).json()["batch_id"] == "mine"
    for _ in range(2):
        model.post(body, User_Agent="curl/8")
    assert model.rows() == {"default": 16}
    assert model.post(body, path="batches?dedupe=id").status_code == 422
    for said in ("application/x-ndjson", "application/json; charset=utf-8", ""):
        again = model.post(body, path="batches?dedupe=body", Content_Type=said)
        assert (again.status_code, again.json()["duplicate"]) == (200, True), said


def test_bad_records(model: Watched) -> None:
    """Lines of text, other values and unreadable times cost themselves; a body that is none is 400."""
    events: list[Any] = [*records(), {"log": "server started"}, 7, {"timestamp": "soon", "x": 1}, None]
    answer = model.post(json.dumps(events).encode(), **FLUENT_BIT)
    assert answer.status_code == 200
    assert answer.json()["rows"]["rejected"] == 4
    assert [one["reason"] for one in answer.json()["rejections"]] == [
        "not an object", "not an object", "unreadable time", "not an object",
    ]  # fmt: skip
    assert model.post(b'{"x": ', **FLUENT_BIT).status_code == 400


PAGE: Final = Path(__file__).parents[2] / "docs" / "senders" / "syslog-ng.md"


def configuration(model: Watched, source: Path) -> str:
    """The configuration of the documentation, for this service, model and file."""
    (text,) = re.findall(r"^```conf\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    here = {
        "http://driftgauge.monitoring:8080": model.locked.service.url,
        "models/credit": f"models/{model.name}",
        "/var/log/credit/predictions.log": str(source),
        "Bearer KEY": f"Bearer {model.locked.made[0]}",
    }
    for word, ours in here.items():
        assert word in text
        text = text.replace(word, ours)
    return str(text)


def test_syslog_ng(model: Watched, tmp_path: Path) -> None:
    """syslog-ng follows a file and posts its lines; each counts once, the broken one is rejected."""
    program = shutil.which("syslog-ng") or shutil.which("syslog-ng", path="/usr/sbin")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("syslog-ng is missing in CI")
        pytest.skip("SYSLOG-NG IS NOT INSTALLED: the peer was not run")
    source, conf = tmp_path / "rows.log", tmp_path / "syslog-ng.conf"
    lines = [json.dumps({"timestamp": time.time(), "x": float(n % 7), "c": "aü"[n % 2]}) for n in range(200)]
    source.write_text("\n".join([*lines, "not json", ""]), encoding="utf-8")
    conf.write_text(configuration(model, source), encoding="utf-8")
    files = [f"--{name}={tmp_path / name}" for name in ("persist-file", "pidfile", "control")]
    with (tmp_path / "log").open("w") as log:
        peer = subprocess.Popen([program, "-F", "-f", str(conf), *files], stdout=log, stderr=log)
        try:
            until(lambda: sum(model.rows().values()) >= 200, seconds=60, what="the arrival of every line")
        finally:
            peer.send_signal(signal.SIGTERM)
            peer.wait(30)
    assert model.rows() == {"default": 200}
    assert model.counts()["c"] == {"a": 100, "unseen": 100}
