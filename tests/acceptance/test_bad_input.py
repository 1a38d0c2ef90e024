"""Whatever is sent, the answer is a success or a complete problem document, and a problem stores nothing."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from typing import Final

import pyarrow as pa
import pytest
import zstandard

from acceptance import bodies
from acceptance.bodies import ARROW, CSV, JSON, NDJSON, PARQUET
from acceptance.streams import recent
from acceptance.world import Model, World, good, iso, now_us, problem

GOOD: Final = bodies.as_rows([{"x": value} for value in range(50)])
TABLE: Final = [{"x": value} for value in range(50)]
UNREADABLE: Final = {
    "cut json": (b'{"rows": [{"x": 1}, {"x"', JSON),
    "empty": (b"", JSON),
    "json tail": (b'{"rows": []} trailing {', JSON),
    "deep": (b'{"rows": [{"x": ' + b"[" * 200_000, JSON),
    "deep and closed": (b'{"rows": [{"x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}]}", JSON),
    "bad escape": (b'{"rows": [{"x": "\\q"}]}', JSON),
    "cut parquet": (bodies.as_parquet(TABLE)[:-20], PARQUET),
    "parquet noise": (b"PAR1" + bytes(range(256)) + b"PAR1", PARQUET),
    "cut arrow": (bodies.as_arrow(TABLE)[:-100], ARROW),
    "cut gzip": (gzip.compress(GOOD)[:-12], JSON),
    "bad checksum": (gzip.compress(GOOD)[:-8] + b"\0" * 8, JSON),
    "unequal columns": (b'{"columns": {"x": [1, 2, 3], "y": [1]}}', JSON),
}
MISSHAPEN: Final = {
    "number": b"3",
    "string": b'"rows"',
    "null": b"null",
    "no rows": b"{}",
    "rows no list": b'{"rows": {"x": 1}}',
    "rows null": b'{"rows": null}',
    "column no list": b'{"columns": {"x": 1}}',
}


@pytest.fixture
def model(world: World) -> Iterator[Model]:
    """A model with a baseline and a stored window, found unchanged afterwards."""
    model = world.model()
    model.baseline(GOOD)
    good(model.batch(bodies.as_rows([{"timestamp": recent(now_us()), "x": 3}]), batch_id="first"))
    before, baselines = model.counts(), good(model.client.get(f"{model.path}/baselines"))
    yield model
    assert model.counts() == before
    assert good(model.client.get(f"{model.path}/baselines")) == baselines


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable(model: Model, name: str) -> None:
    """A body that cannot be decoded is 400, as a batch and as a baseline, and its id stays free."""
    content, content_type = UNREADABLE[name]
    body = problem(model.batch(content, content_type, batch_id="bad"), 400, "undecodable")
    assert body["retryable"] is False
    assert body["stored"] == "none"
    problem(model.client.get(f"{model.path}/batches/bad"), 404)
    upload = model.client.post(f"{model.path}/baselines", content=content, headers={"Content-Type": content_type})
    assert upload.status_code == 400 or (not content and upload.status_code == 422)
    problem(upload, upload.status_code)


@pytest.mark.parametrize("name", MISSHAPEN)
def test_misshapen(model: Model, name: str) -> None:
    """JSON of the wrong shape is refused as undecodable or unlawful."""
    answer = model.batch(MISSHAPEN[name])
    assert answer.status_code in {400, 422}
    problem(answer, answer.status_code)


def test_unknown_model(world: World) -> None:
    """Nothing is known about a model that nobody made, whatever is asked, and ingest makes none."""
    model = Model(world.service, "nobody")
    problem(model.batch(GOOD), 404, "unknown-model")
    problem(model.client.post(f"{model.path}/baselines", content=GOOD), 404, "unknown-model")
    for path in ("", "/windows", "/scores", "/status", "/thresholds", "/baselines", "/baselines/1"):
        problem(model.client.get(model.path + path), 404, "unknown-model")
    problem(model.client.post(f"{model.path}/evaluate"), 404, "unknown-model")
    assert "nobody" not in world.client.get("/v1/models").text


def test_no_baseline(world: World) -> None:
    """Before its first baseline a model answers that the sender should come again."""
    model = world.model()
    answer = model.batch(GOOD, batch_id="early")
    assert problem(answer, 409, "no-baseline")["retryable"] is True
    assert answer.headers["retry-after"] == "30"
    model.baseline(GOOD)
    assert good(model.batch(GOOD, batch_id="early"))["duplicate"] is False


@pytest.mark.parametrize(("content", "content_type"), [(b"<rows/>", "application/xml"), (b"\x89PNG\r\n", "image/png")])
def test_wrong_content_type(model: Model, content: bytes, content_type: str) -> None:
    """A type that is not spoken here is 415 when the bytes say nothing better."""
    problem(model.batch(content, content_type), 415)
    headers = {"Content-Type": content_type}
    problem(model.client.post(f"{model.path}/baselines", content=content, headers=headers), 415)


def test_wrong_content_type_for_a_new_model(world: World) -> None:
    """What will never be read is 415 before the first baseline, too, not to be sent again later."""
    assert problem(world.model().batch(b"<rows/>", "application/xml"), 415)["retryable"] is False


@pytest.mark.parametrize("encoding", ["br", "deflate", "snappy", "gzip, gzip", "nonsense"])
def test_wrong_encoding(model: Model, encoding: str) -> None:
    """A body in an encoding that is not spoken here is 415, whatever rows it is said to hold."""
    for content_type in (JSON, NDJSON, CSV, PARQUET, ARROW, "text/plain", ""):
        headers = {"Content-Type": content_type, "Content-Encoding": encoding}
        answer = model.client.put(f"{model.path}/batches/e", content=BROTLI, headers=headers)
        assert encoding in problem(answer, 415, "unsupported-encoding")["detail"]


def test_bytes_decide(model: Model) -> None:
    """The content type is a hint: the same empty rows are accepted under any name that could be meant."""
    for content_type in (JSON, "text/plain", "application/octet-stream", "application/json; charset=utf-8"):
        assert good(model.batch(b'{"rows": []}', content_type))["rows"]["received"] == 0


LIES: Final = (JSON, NDJSON, CSV, PARQUET, ARROW, "text/plain", "application/octet-stream", "image/png", "")
TRUE: Final = {
    "line": b'{"timestamp":0,"x":3}\n',
    "lines": bodies.as_ndjson([{"timestamp": 0, "x": 3}] * 3),
    "array": b'[{"timestamp":0,"x":3}]',
    "columns": b'{"columns":{"timestamp":[0,0],"x":[3,4]}}',
    "csv": b"timestamp,x\r\n0,3\r\n",
    "arrow": bodies.as_arrow([{"timestamp": 0, "x": 3.0}]),
    "parquet": bodies.as_parquet([{"timestamp": 0, "x": 3.0}]),
}
BROTLI: Final = bytes(pa.Codec("brotli").compress(GOOD, asbytes=True))
SQUEEZES: Final[tuple[Callable[[bytes], bytes], ...]] = (bytes, gzip.compress, zlib.compress, zstandard.compress)


@pytest.mark.parametrize("name", TRUE)
def test_lies_about_what_it_is(model: Model, name: str) -> None:
    """Rows are counted as what they are, whatever their content type and their encoding are called."""
    rows = 3 if name == "lines" else 2 if name == "columns" else 1
    for n, content_type in enumerate(LIES):
        squeeze = SQUEEZES[n % len(SQUEEZES)]
        headers = {"Content-Type": content_type, "Content-Encoding": ("gzip", "", "zstd")[n % 3]}
        path = f"{model.path}/batches/lie-{n}"
        receipt = good(model.client.put(path, content=squeeze(TRUE[name]), headers=headers))
        assert (receipt["rows"]["received"], receipt["rows"]["rejected"]) == (rows, 0), content_type
        assert receipt["ignored_features"]["count"] == 0


@pytest.mark.parametrize("encoding", ["snappy", "br", "gzip, gzip", "lz4"])
def test_packed_text_is_no_text(model: Model, encoding: str) -> None:
    """What compression leaves of CSV, its header among it, is not counted as CSV when it cannot be unpacked."""
    text = b"timestamp,x,c\r\n" + b"".join(b"0,%d,word\r\n" % (n * n) for n in range(300))
    for codec in ("snappy", "lz4_raw", "brotli"):
        packed = bytes(pa.Codec(codec).compress(text, asbytes=True))
        for body in (packed[:-9], packed[1:], packed) if encoding != codec else (packed[:-9],):
            for content_type in (CSV, "text/plain"):
                headers = {"Content-Type": content_type, "Content-Encoding": encoding}
                answer = model.client.put(f"{model.path}/batches/e", content=body, headers=headers)
                problem(answer, 415, "unsupported-encoding")
    twice = gzip.compress(gzip.compress(text))
    headers = {"Content-Type": CSV, "Content-Encoding": "gzip, gzip"}
    problem(model.client.put(f"{model.path}/batches/e", content=twice, headers=headers), 415, "unsupported-encoding")


MISNAMED: Final = ("br", "deflate", "snappy", "utf-8", "none", "identity, gzip", "gzip, gzip", "aws-chunked", "7bit")


@pytest.mark.parametrize("encoding", MISNAMED)
def test_lies_about_how_it_is_packed(model: Model, encoding: str) -> None:
    """Rows are counted as what they are, in whatever they are packed, whatever that is called."""
    for name, body in TRUE.items():
        rows = 3 if name == "lines" else 2 if name == "columns" else 1
        for n, squeeze in enumerate(SQUEEZES):
            headers = {"Content-Type": LIES[n], "Content-Encoding": encoding}
            path = f"{model.path}/batches/{name}-{n}"
            receipt = good(model.client.put(path, content=squeeze(body), headers=headers))
            assert (receipt["rows"]["received"], receipt["rows"]["rejected"]) == (rows, 0), (name, n)
            assert receipt["ignored_features"]["count"] == 0


def test_batch_id_reused(model: Model) -> None:
    """An id holds for one body, type and version; the same again is a duplicate and changes nothing."""
    body, other = (bodies.as_ndjson([{"timestamp": 0, "x": value}] * 2) for value in (1, 2))
    first = good(model.batch(body, NDJSON, batch_id="id"))
    assert good(model.batch(body, NDJSON, batch_id="id")) == first | {"duplicate": True}
    assert good(model.client.get(f"{model.path}/batches/id")) == first
    problem(model.batch(other, NDJSON, batch_id="id"), 422, "batch-id-reused")
    problem(model.batch(body, JSON, batch_id="id"), 422, "batch-id-reused")
    problem(model.batch(body, NDJSON, batch_id="id", version="b"), 422, "batch-id-reused")
    window = {"start": iso(recent(now_us())), "rows": 1, "features": {}}
    histogram = {"baseline": 1, "version": "default", "windows": [window]}
    problem(model.client.put(f"{model.path}/histograms/id", json=histogram), 422, "batch-id-reused")
    assert good(model.client.get(f"{model.path}/batches/id")) == first


def test_idempotency_key(model: Model) -> None:
    """A POST with a key is the PUT of that id; without one an id is made and returned."""
    body, path = bodies.as_rows([{"timestamp": 0}]), f"{model.path}/batches"
    headers = {"Content-Type": JSON, "Idempotency-Key": "key 1"}
    first = good(model.client.post(path, content=body, headers=headers))
    assert first["batch_id"] == "key 1"
    assert good(model.client.post(path, content=body, headers=headers)) == first | {"duplicate": True}
    assert good(model.batch(body, batch_id="key 1"))["duplicate"] is True
    made = [good(model.client.post(path, content=body, headers={"Content-Type": JSON}))["batch_id"] for _ in range(2)]
    assert made[0] != made[1]
    assert good(model.client.get(f"{path}/{made[0]}"))["batch_id"] == made[0]


def test_row_count_header(model: Model) -> None:
    """A body with another number of rows than announced is refused as a whole."""
    for number, status in (("51", 422), ("0", 422), ("many", 422)):
        headers = {"Content-Type": JSON, "X-Row-Count": number}
        answer = model.client.put(f"{model.path}/batches/c", content=GOOD, headers=headers)
        code = "row-count-mismatch" if number.isdigit() else None
        assert problem(answer, answer.status_code, code)["status"] in {status, 400}


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/models/a/b/c", "/%00", "/v1/models/%FF", "/v1/models/a%0Ab"])
def test_paths(world: World, path: str) -> None:
    """A path that leads nowhere is a problem document as well."""
    answer = world.client.get(path)
    assert answer.status_code in {400, 404, 422}
    problem(answer, answer.status_code)


def test_methods(world: World, model: Model) -> None:
    """A method that a path does not know is 405, with a problem document."""
    problem(world.client.patch(model.path, json={}), 405)
    problem(world.client.put("/metrics"), 405)


@pytest.mark.parametrize(
    "settings",
    [
        *({"window": "5h"}, {"window": "0s"}, {"window": "x"}, {"window": 3600}, {"timezone": "Mars/Olympus"}),
        *({"late_horizon": "400d"}, {"features": {"x": {"kind": "blob"}}}, {"features": {"x": {"role": "king"}}}),
        *(
            {"features": []},
            {"naive_timestamps": "maybe"},
            {"alert_budget": {"pages_per_month": 0}},
            {"windw": "1h"},
            [],
        ),
    ],
)
def test_unlawful_settings(world: World, settings: object) -> None:
    """A model with settings that cannot hold is refused and not made."""
    path = "/v1/models/never-made"
    answer = world.client.put(path, json=settings)
    assert answer.status_code in {400, 422}
    problem(answer, answer.status_code)
    problem(world.client.get(path), 404, "unknown-model")


def test_no_body_means_no_field(world: World, model: Model) -> None:
    """Where every field may be left out, so may the body."""
    made = world.client.put("/v1/models/bodiless")
    assert made.status_code == 201
    assert made.json()["window"] == "1h"
    assert good(model.client.post(f"{model.path}/backtest")) == good(
        model.client.post(f"{model.path}/backtest", json={})
    )
    problem(world.client.put("/v1/models/bodiless", content=b"{", headers={"Content-Type": JSON}), 400)


def test_query_garbage(model: Model) -> None:
    """Query values that are no times, names or numbers are refused, never a server error."""
    for path in (
        "/windows?from=soon",
        "/scores?to=3x",
        "/scores?statistic=psy",
        "/windows/soon/histograms",
        "/baselines/x",
    ):
        answer = model.client.get(model.path + path)
        assert answer.status_code in {400, 404, 422}, path
        problem(answer, answer.status_code)
    assert problem(model.client.get(f"{model.path}/windows/{iso(0)}/histograms"), 404, "no-window")


def test_empty_answers(model: Model) -> None:
    """A batch without a row is a success that counts nothing, in every format that can say so."""
    for content, content_type in (
        (b"[]", JSON),
        (b"\n\n", NDJSON),
        (b"timestamp,x\n", CSV),
        (b'{"columns": {}}', JSON),
    ):
        assert good(model.batch(content, content_type))["rows"]["received"] == 0
