"""The paths of model servers, as a proxy's copies use them."""

import gzip
import json
from typing import Any, Final
from urllib.parse import quote

import numpy as np
import pytest

from api.locked import Locked
from api.posting import Watched, watched
from wire.senders.peers import tensor, triton_body

ROWS: Final = [{"x": 1.0, "c": "a"}, {"x": "bad", "c": None}, {"x": float("nan"), "c": "ä"}]


@pytest.fixture(scope="module")
def model(locked: Locked) -> Watched:
    """A model of this file's own."""
    return watched(locked)


def mirrored(model: Watched, path: str, body: Any, **headers: str) -> int:
    """Post a copy and give the status; a success says nothing more than that."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = model.call("POST", path.format(m=quote(model.name, safe="")), content=content, headers=sent)
    assert answer.status_code != 200 or answer.json() == {}
    return answer.status_code


def test_counted_once_under_its_id(locked: Locked) -> None:
    """A copy that comes again under its id counts nothing and is answered alike; the id's receipt can be read."""
    model = watched(locked)
    path = "/v1/models/{m}:predict"
    for _ in range(2):
        assert mirrored(model, path, {"instances": ROWS}, X_Request_Id="r-1") == 200
        assert mirrored(model, path, {"instances": ROWS[:1]}, Idempotency_Key="k" * 200) == 200
    assert mirrored(model, path, {"instances": ROWS[:2]}, X_Request_Id="r-1") == 422
    assert model.rows() == {"default": 4}
    assert model.counts()["c"] == {"a": 2, "null": 1, "unseen": 1}
    receipt = model.call("GET", f"/v1/models/{model.name}/batches/r-1").json()
    assert receipt["rows"]["accepted"] == 3
    assert [mirrored(model, path, {"instances": ROWS[:1]}) for _ in range(2)] == [200, 200]
    assert model.rows() == {"default": 6}


def test_versions(locked: Locked) -> None:
    """The version is that of the query, else that of the path."""
    model = watched(locked)
    inputs = {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1]}]}
    assert mirrored(model, "/v2/models/{m}/infer", inputs) == 200
    assert mirrored(model, "/v2/models/{m}/versions/7/infer", inputs) == 200
    assert mirrored(model, "/v2/models/{m}/versions/7/infer?version=8", inputs) == 200
    assert mirrored(model, "/v1/models/{m}:predict?version=", {"instances": [{"x": 1}]}) == 200
    assert model.rows() == {"default": 2, "7": 1, "8": 1}


def test_another_model_by_the_query(locked: Locked) -> None:
    """A model that the query names and that is known stands before that of the path, which need not be known then."""
    model, other = watched(locked), watched(locked)
    rows, said = {"instances": [{"x": 1}]}, f"?model={quote(model.name, safe='')}"
    assert mirrored(other, "/v1/models/{m}:predict" + said, rows, X_Request_Id="r-1") == 200
    assert mirrored(other, "/v1/models/{m}-shadow:predict" + said, rows, X_Request_Id="r-1") == 200
    inputs = {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1]}]}
    assert mirrored(other, "/v2/models/{m}/infer" + said, inputs) == 200
    assert mirrored(other, "/v2/models/{m}/versions/7/infer" + said, inputs) == 200
    assert model.rows() == {"default": 2, "7": 1}
    assert mirrored(other, "/v1/models/{m}:predict?model=nobody", rows) == 200
    assert other.rows() == {"default": 1}
    assert mirrored(other, "/v1/models/{m}-shadow:predict?model=nobody", rows) == 404


def test_tensors_of_triton(locked: Locked) -> None:
    """A binary body is counted, packed or not, whatever its headers say."""
    model = watched(locked)
    values = np.array([[1.0], [np.nan]], np.float32)
    body, length = triton_body(tensor("x", values, "FP32"), tensor("c", np.array([["a"], ["ä"]], object), "BYTES"))
    path = "/v2/models/{m}/infer"
    assert mirrored(model, path, body, Inference_Header_Content_Length=str(length)) == 200
    assert mirrored(model, path, gzip.compress(body), Content_Type="text/csv", Content_Encoding="br") == 200
    assert mirrored(model, path, body[:-1], Inference_Header_Content_Length=str(length)) == 400
    assert model.counts()["c"] == {"a": 2, "unseen": 2}


def test_names_with_colons(locked: Locked) -> None:
    """The last verb of a path is the verb; the name before it may hold anything."""
    model = Watched(locked, f"{watched(locked).name}:predict")
    model.call("PUT", f"/v1/models/{model.name}", json={"features": {"x": {"kind": "numeric"}}}).raise_for_status()
    model.call("POST", f"/v1/models/{model.name}/baselines?activate=true", json={"rows": [{"x": 1}]}).raise_for_status()
    assert mirrored(model, "/v1/models/{m}:predict", {"instances": [1, 2]}) == 200
    assert model.rows() == {"default": 2}


def test_a_name_that_ends_in_a_verb_can_be_read(locked: Locked) -> None:
    """Where a model goes by the whole name, that is what is read; else, or without the scope, it is a health check."""
    short = watched(locked).name
    path = f"/v1/models/{short}:predict"
    assert locked.call("GET", path, locked.made[0]).json() == {}
    locked.call("PUT", path, locked.made[0], json={}).raise_for_status()
    read = locked.call("GET", path, locked.made[0])
    assert read.json()["name"] == f"{short}:predict"
    assert read.headers["etag"]
    assert locked.call("GET", path, locked.key("read", models=[f"{short}:predict"])).json() == read.json()
    for key in (locked.key("ingest"), locked.key("read", models=[short])):
        assert locked.call("GET", path, key).json() == {}
        assert locked.call("HEAD", path, key).status_code == 200
    assert locked.call("GET", path, locked.key("read", models=["other"])).status_code == 404
    assert locked.call("GET", f"{path}:predict", locked.key("read", models=[f"{short}:predict"])).json() == {}
    assert locked.call("DELETE", path, locked.made[0]).status_code == 204
    assert locked.call("GET", path, locked.made[0]).json() == {}


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "code"),
    [
        ("/v1/models/nobody:predict", {"instances": [1]}, {}, 404, "unknown-model"),
        ("/v2/models/nobody/infer", {"inputs": []}, {}, 404, "unknown-model"),
        ("/v1/models/{m}:predict", b"{", {}, 400, "undecodable"),
        ("/v1/models/{m}:predict", b"", {}, 400, "undecodable"),
        ("/v1/models/{m}:predict", {"instances": [[1, 2, 3]]}, {}, 400, "schema-width"),
        ("/v1/models/{m}:predict", {"instances": [[1, "a"]]}, {"X-Row-Count": "2"}, 422, "row-count-mismatch"),
        ("/v2/models/{m}/infer", {"inputs": [{"name": "x", "shape": [2], "data": [1]}]}, {}, 400, "undecodable"),
    ],
)
def test_refusals(model: Watched, path: str, body: Any, headers: dict[str, str], status: int, code: str) -> None:
    """What cannot be taken is a problem with its code, and counts nothing."""
    before = model.rows()
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = model.call("POST", path.format(m=model.name), content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert model.rows() == before


def test_another_key_sees_no_model(locked: Locked, model: Watched) -> None:
    """A key for other models finds nothing on mirrored paths, and on those of events an unknown model."""
    other = locked.key("ingest", models=["other"])
    path = f"/v1/models/{model.name}:predict"
    assert locked.call("POST", path, other, json={"instances": [[1, "a"]]}).status_code == 404
    headers = {"ce-id": "1", "ce-type": "x.request", "ce-specversion": "1.0", "ce-inferenceservicename": model.name}
    for key, told in ((other, f"?model={model.name}"), (locked.key("read"), "")):
        answer = locked.call("POST", f"/v1/cloudevents{told}", key, json={"instances": [[1, "a"]]}, headers=headers)
        assert (answer.status_code, answer.content if answer.status_code == 200 else b"") == (
            (200, b"") if key == other else (403, b"")
        )
    assert 'outcome="unknown_model"' in model.call("GET", "/metrics").text
    assert model.rows() == {}


def test_words_of_the_metrics(model: Watched) -> None:
    """Both protocols have a word of their own, beside the codes of their answers."""
    before = model.rows()
    assert mirrored(model, "/v1/models/{m}:predict", {"instances": [[1, "a"], [2], [3, "b"]]}) == 200
    assert mirrored(model, "/v2/models/{m}/infer", {"inputs": []}) == 200
    text = model.call("GET", "/metrics").text
    for format_, outcome, rows in (("v1", "accepted", 2), ("v1", "rejected", 1)):
        line = f'driftgauge_ingest_rows_total{{format="{format_}",model="{model.name}",outcome="{outcome}"}} {rows}.0'
        assert line in text
    assert 'driftgauge_ingest_requests_total{code="200",format="v2"}' in text
    assert sum(model.rows().values()) == sum(before.values()) + 2
