"""The JSON test suite through the running service: never a 500, and nothing stored of what is refused."""

import json
from typing import Final

import pytest

from api.locked import Locked
from api.posting import Watched, watched
from wire.corpora import is_json, json_files

FILES: Final = json_files()
JSON: Final = {"Content-Type": "application/json"}
DOORS: Final = (
    "/v1/models/{m}/histograms",
    "/v1/models/{m}:predict",
    "/v2/models/{m}/infer",
    "/v1/models/{m}/expectations",
    "/v1/models/{m}/backtest",
    "/v1/logs?model={m}",
    "/v1/cloudevents?model={m}",
)


@pytest.fixture(scope="module")
def model(locked: Locked) -> Watched:
    """A model of this file's own."""
    return watched(locked)


def test_as_a_body(model: Watched) -> None:
    """What is no JSON is 400; what is JSON is refused for its shape, or its objects are rows and the rest rejected."""
    before = sum(model.rows().values())
    for name, body in FILES.items():
        answer = model.call("POST", f"/v1/models/{model.name}/batches", content=body, headers=JSON)
        assert answer.status_code in ({400} if is_json(name) is False else {200, 400, 422}), (name, answer.text)
        if answer.is_success:
            value = json.loads(body.decode("utf-8-sig", "replace"))
            assert isinstance(value, list), name
            rows = [isinstance(row, dict) for row in value]
            assert answer.json()["rows"] | {"late": 0, "future": 0} == {
                "received": len(rows), "accepted": sum(rows), "rejected": len(rows) - sum(rows), "late": 0, "future": 0
            }, name  # fmt: skip
            before += sum(rows)
    assert sum(model.rows().values()) == before


def test_as_a_value(model: Watched) -> None:
    """JSON in the place of a value is counted in its row; anything else is 400 and stores no row of its body."""
    kept = sum(model.rows().values())
    for name, value in FILES.items():
        body = b'{"rows":[{"x":1,"c":"a"},{"x":' + value + b',"c":' + value + b"}]}"
        answer = model.call("POST", f"/v1/models/{model.name}/batches", content=body, headers=JSON)
        wanted = {True: {200}, False: {400}, None: {200, 400, 422}}[is_json(name)]
        assert answer.status_code in wanted, (name, answer.text)
        kept += 2 * answer.is_success
    assert model.rows() == {"default": kept}
    assert sum(model.counts()["x"].values()) == sum(model.counts()["c"].values()) == kept


@pytest.mark.parametrize("door", DOORS)
def test_at_other_doors(model: Watched, door: str) -> None:
    """No other reader of bodies breaks over its share of them, and none of them takes what is no JSON."""
    before = model.rows()
    for name in list(FILES)[DOORS.index(door) % 3 :: 3]:
        body = FILES[name]
        answer = model.call("POST", door.format(m=model.name), content=body, headers=JSON)
        assert answer.status_code < 500, (name, answer.text)
        # No bytes at all are an empty export in protobuf.
        assert is_json(name) is not False or answer.is_error or (not body and "logs" in door), name
    assert model.rows() == before
