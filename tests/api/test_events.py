"""`/v1/cloudevents` as clients and brokers use it, on two replicas, one of which dies."""

import base64
import contextlib
import gzip
import json
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import numpy as np
import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

import postgres
from service import Service, until
from wire.senders.peers import grpc_messages, tensor, triton_body

PATH: Final = "/v1/cloudevents"
KIND: Final = "org.kubeflow.serving.inference."
CITIES: Final = ("Oslo", "Bergen", "Ålesund")
SETTINGS: Final = {"DRIFTGAUGE_PAIRING_TIMEOUT": "3s"}


@pytest.fixture(scope="module")
def replicas(postgres_server: postgres.Server) -> Iterator[list[Service]]:
    """Two services on one database."""
    url = postgres_server.url(postgres_server.create(template=postgres_server.template))
    with contextlib.ExitStack() as stack:
        settings = SETTINGS | {"DRIFTGAUGE_DATABASE_URL": url}
        yield [stack.enter_context(Service(settings)) for _ in range(2)]


class Model:
    """A model of the test's own, of two features and a prediction."""

    def __init__(self, replicas: list[Service]) -> None:
        self.replicas = replicas
        self.name = f"crédit-{uuid.uuid4().hex[:8]}"
        self.path = f"/v1/models/{self.name}"
        features = {
            "age": {"kind": "numeric"},
            "city": {"kind": "categorical"},
            "score": {"kind": "numeric", "role": "prediction"},
        }
        self.client.put(self.path, json={"window": "1h", "features": features}).raise_for_status()
        rows = [{"age": n % 40, "city": CITIES[n % 2], "score": n % 5 / 8} for n in range(200)]
        self.client.post(f"{self.path}/baselines?activate=true", json={"rows": rows}).raise_for_status()

    @property
    def client(self) -> httpx.Client:
        """The client of the first replica."""
        return self.replicas[0].client

    def counts(self, feature: str) -> dict[str, int]:
        """The counts of a feature by label, over all windows, without empty bins."""
        found: dict[str, int] = {}
        for window in self.client.get(f"{self.path}/windows").json():
            read = self.client.get(f"{self.path}/windows/{window['start']}/histograms").json()
            for one in read["features"][feature]["bins"]:
                found[one["label"]] = found.get(one["label"], 0) + one["count"]
        return {label: count for label, count in found.items() if count}

    def rows(self) -> int:
        """The rows of all windows."""
        return sum(window["rows"] for window in self.client.get(f"{self.path}/windows").json())

    def event(self, half: str, identity: str, data: Any, **attributes: object) -> CloudEvent:
        """An event of the SDK."""
        own: dict[str, Any] = {
            "id": identity,
            "source": "http://localhost:9081/",
            "type": KIND + half,
            "time": datetime.now(UTC),
            "datacontenttype": "application/json",
            "inferenceservicename": self.name,
            "namespace": "ml",
            "endpoint": "default",
        }
        return CloudEvent(attributes=own | attributes, data=data)

    def sum(self, metric: str, **labels: str) -> float:
        """A counter over both replicas."""
        wanted = {f'{name}="{value}"' for name, value in labels.items()}
        lines = [line for one in self.replicas for line in one.client.get("/metrics").text.splitlines()]
        chosen = [line for line in lines if line.startswith(f"{metric}{{") and all(word in line for word in wanted)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in chosen)


@pytest.fixture
def model(replicas: list[Service]) -> Model:
    """A model of the test's own."""
    return Model(replicas)


def post(service: Service, event: CloudEvent, *, structured: bool = False, path: str = PATH) -> httpx.Response:
    """Post an event as the SDK writes it."""
    message = to_structured_event(event) if structured else to_binary_event(event)
    return service.client.post(path, content=message.body, headers=message.headers)


def done(answer: httpx.Response) -> None:
    """Expect the one answer that every sender takes for a delivery."""
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("structured", [False, True])
@pytest.mark.parametrize("first", ["request", "response"])
def test_the_sdk_on_two_replicas(model: Model, first: str, *, structured: bool) -> None:
    """Halves that the SDK writes, one on each replica, are one call."""
    bodies = {"request": {"instances": [[30, "Oslo"], [31, "Ålesund"]]}, "response": {"predictions": [0.5, 7]}}
    second = "response" if first == "request" else "request"
    done(post(model.replicas[0], model.event(first, "a", bodies[first]), structured=structured))
    assert model.rows() == 0
    done(post(model.replicas[1], model.event(second, "a", bodies[second]), structured=structured))
    assert model.rows() == 2
    assert model.counts("city") == {"Oslo": 1, "unseen": 1}
    assert sum(model.counts("score").values()) == 2
    assert "null" not in model.counts("score")


def test_a_batch_from_a_broker(model: Model) -> None:
    """An array of events is taken whole, and taken again as nothing new."""
    shapes = [model.event("request", str(n), {"instances": [[n, "Oslo"]]}) for n in range(20)]
    shapes += [model.event("response", str(n), {"predictions": [0.25]}) for n in range(20)]
    body = b"[" + b",".join(JSONFormat().write(one) for one in shapes) + b"]"
    for _ in range(2):
        headers = {"Content-Type": "application/cloudevents-batch+json"}
        done(model.client.post(PATH, content=gzip.compress(body), headers=headers))
    assert (model.rows(), model.counts("city")) == (20, {"Oslo": 20})


def test_a_model_without_a_baseline_in_a_batch(model: Model) -> None:
    """Its event alone is a conflict, and costs the events beside it nothing."""
    name = f"new-{uuid.uuid4().hex[:8]}"
    model.client.put(f"/v1/models/{name}", json={"window": "1h"}).raise_for_status()
    early = CloudEvent(
        {**model.event("request", "1", b"").get_attributes(), "inferenceservicename": name}, {"instances": [[1]]}
    )
    good = model.event("request", "2", {"instances": [[2, "Oslo"]]})
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    write = JSONFormat().write
    assert model.client.post(PATH, content=b"[" + write(early) + b"]", headers=headers).status_code == 409
    done(model.client.post(PATH, content=b"[" + write(early) + b"," + write(good) + b"]", headers=headers))
    done(post(model.replicas[0], model.event("response", "2", {"predictions": [0.5]})))
    assert model.rows() == 1


@pytest.mark.parametrize("told", ["header", "metadata", "nothing"])
def test_binary_tensors(model: Model, told: str) -> None:
    """Tensors of Triton's client behind a logger that lost their header, packed and under a wrong type."""
    ages = np.array([[30.0], [np.nan], [np.inf]], np.float32)
    body, length = triton_body(
        tensor("city", np.array([["Oslo"], ["Bergen"], ["?"]], object), "BYTES"), tensor("age", ages, "FP32")
    )
    more = {"Inference-Header-Content-Length": str(length)} if told == "header" else {}
    passed = {"metadata": json.dumps({"Inference-Header-Content-Length": [str(length)]})} if told == "metadata" else {}
    message = to_binary_event(model.event("request", "a", b"", **passed))
    headers = message.headers | {"content-type": "application/json"} | more
    done(model.client.post(PATH, content=gzip.compress(body), headers=headers))
    answer = {"outputs": [{"name": "p", "shape": [3], "datatype": "FP64", "data": [0.5, None, "x"]}]}
    done(post(model.replicas[1], model.event("response", "a", answer)))
    assert (model.rows(), model.counts("city")) == (3, {"Oslo": 1, "Bergen": 1, "unseen": 1})
    assert {"nan", "pos_inf"} < model.counts("age").keys()
    assert {"null", "invalid"} < model.counts("score").keys()


def test_modelmesh_on_the_url_of_another_service(model: Model) -> None:
    """Payloads with protobuf inside are pairs of model and id."""
    grpc = grpc_messages()
    request = grpc.ModelInferRequest(model_name=model.name)
    request.inputs.add(name="age", datatype="FP32", shape=[2]).contents.fp32_contents.extend([30, 31])
    request.inputs.add(name="city", datatype="BYTES", shape=[2]).contents.bytes_contents.extend([b"Oslo", b"Bergen"])
    answer = grpc.ModelInferResponse(model_name=model.name)
    answer.outputs.add(name="score", datatype="FP64", shape=[2]).contents.fp64_contents.extend([0.5, 0.25])
    for kind, message in (("response", answer), ("request", request), ("response", answer)):
        data = base64.b64encode(message.SerializeToString()).decode()
        payload = {"id": "r-1", "modelid": model.name, "kind": kind, "data": data}
        done(model.client.post("/consumer/kserve/v2", json=payload))
    assert (model.rows(), model.counts("city")) == (2, {"Oslo": 1, "Bergen": 1})
    assert model.sum("driftgauge_ingest_rows_total", model=model.name, format="modelmesh", outcome="accepted") == 2


def test_an_unknown_model(model: Model) -> None:
    """It is counted, and answered like any other."""
    before = model.sum("driftgauge_ingest_rows_total", outcome="unknown_model")
    event = model.event("request", "a", {"instances": [[1, 2]]}, inferenceservicename="nobody")
    done(post(model.replicas[0], event))
    assert model.sum("driftgauge_ingest_rows_total", outcome="unknown_model") == before + 1


def test_a_body_that_cannot_be_read(model: Model) -> None:
    """The refusal is an event and a problem in one, and kept as a sample."""
    message = to_binary_event(model.event("request", "a", b""))
    answer = model.client.post(PATH, content=b'{"instances":', headers=message.headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert {name: answer.headers[name] for name in ("ce-specversion", "ce-type", "ce-source")} == {
        "ce-specversion": "1.0",
        "ce-type": "driftgauge.problem",
        "ce-source": PATH,
    }
    assert answer.json()["code"] == "undecodable"
    (sample,) = model.client.get(f"{model.path}/undecodable").json()
    assert (sample["format"], sample["count"], sample["body"]) == ("kserve", 1, None)
    for _ in range(5):
        model.client.post(PATH, content=b'{"instances":', headers=message.headers)
    (sample,) = model.client.get(f"{model.path}/undecodable").json()
    assert sample["count"] == 6


def test_halves_that_never_meet(model: Model) -> None:
    """After the time a request counts without predictions, and both sides are told apart in the metrics."""
    done(post(model.replicas[0], model.event("request", "a", {"instances": [[1, "Oslo"]]})))
    done(post(model.replicas[1], model.event("response", "b", {"predictions": [1]})))
    until(lambda: model.rows() == 1, what="the lone request")
    until(
        lambda: model.sum("driftgauge_unpaired_events_total", model=model.name, kind="response") == 1,
        what="the lone response",
    )
    assert model.counts("score") == {"null": 1}
    assert model.sum("driftgauge_unpaired_events_total", model=model.name, kind="request") == 1


@pytest.mark.parametrize("path", [PATH, "/consumer/kserve/v2", "/v2/models/x/infer", "/v1/models/a:b:predict"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health_checks(model: Model, method: str, path: str) -> None:
    """A look at a path that takes rows is answered with 200."""
    assert model.client.request(method, path).status_code == 200


def test_killed_in_the_middle(model: Model) -> None:
    """Halves posted in any order, some twice, to replicas of which one is killed, count once each in the end."""
    dice = random.Random(3)
    sent = [
        model.event(half, str(n), body)
        for n in range(24)
        for half, body in (
            ("request", {"instances": [[n % 40, CITIES[n % 2]]]}),
            ("response", {"predictions": [n % 5 / 8]}),
        )
        for _ in range(dice.randint(1, 2))
    ]
    dice.shuffle(sent)
    first, second = model.replicas
    second.settings["DRIFTGAUGE_FAILPOINTS"] = "pairing.after_count=kill:0.1,pairing.after_arrival=kill:0.1"
    for one in model.replicas:
        one.settings["DRIFTGAUGE_PAIRING_TIMEOUT"] = "10m"
        one.stop()
        one.start()
    deaths = 0
    for n, event in enumerate(sent):
        chosen = second if n % 2 else first
        while True:
            try:
                answer = post(chosen, event)
            except httpx.TransportError:
                deaths += 1
                second.stop()
                second.start()
                continue
            if answer.status_code == 200:
                break
    assert deaths
    assert model.rows() == 24
    assert model.counts("city") == {"Oslo": 12, "Bergen": 12}
    assert sum(model.counts("score").values()) == 24
    assert "null" not in model.counts("score")
    balance = model.client.get("/v1/admin/ledger-balance", params={"model": model.name}).json()
    assert (balance["ledger_rows"], balance["imbalance"]) == (24, 0)
