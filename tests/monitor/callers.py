"""Events of calls as loggers write them, delivered to the roads of a service."""

import itertools
import json
from collections.abc import Sequence
from typing import Any, Final

from app.errors import BadRequest
from app.monitor import events
from app.monitor.halves import Asked
from app.monitor.keyring import ANYBODY, Holder
from app.monitor.reading import histograms
from app.monitor.service import Service
from monitor.desk import MONDAY, Desk

KSERVE: Final = "org.kubeflow.serving.inference."
SELDON: Final = "io.seldon.serving."
_FRESH: Final = itertools.count()


def kserve(half: str, identity: str, body: object, **attributes: str) -> tuple[dict[str, str], bytes]:
    """Headers and body of KServe's logger; attributes replace or add headers."""
    own = {
        "id": identity,
        "type": KSERVE + half,
        "source": "http://localhost:9081/",
        "specversion": "1.0",
        "inferenceservicename": "m",
        "namespace": "ml",
        "endpoint": "default",
    }
    return _sent(own | attributes, body)


def seldon(half: str, identity: str, body: object, **attributes: str) -> tuple[dict[str, str], bytes]:
    """Headers and body of Seldon's executor, whose events have an id of their own."""
    kind = SELDON + ("feedback" if half == "feedback" else f"inference.{half}")
    own = {
        "id": f"fresh-{next(_FRESH)}",
        "type": kind,
        "source": "http://executor/",
        "specversion": "1.0",
        "inferenceservicename": "m",
        "requestid": identity,
    }
    return _sent(own | attributes, body)


def _sent(attributes: dict[str, str], body: object) -> tuple[dict[str, str], bytes]:
    headers = {f"ce-{name}": value for name, value in attributes.items()} | {"content-type": "application/json"}
    return headers, body if isinstance(body, bytes) else json.dumps(body).encode()


def batched(sent: Sequence[tuple[dict[str, str], bytes]]) -> tuple[dict[str, str], bytes]:
    """Several events in one body."""
    told = [{name.removeprefix("ce-"): value for name, value in headers.items()} for headers, _ in sent]
    documents = [
        {name: value for name, value in one.items() if name != "content-type"} | {"data": json.loads(body)}
        for one, (_, body) in zip(told, sent, strict=True)
    ]
    return {"content-type": "application/cloudevents-batch+json"}, json.dumps(documents).encode()


def deliver(
    service: Service,
    sent: tuple[dict[str, str], bytes],
    *,
    model: str | None = None,
    version: str | None = None,
    holder: Holder = ANYBODY,
) -> int:
    """Post one event."""
    return events.receive(service, sent[0], sent[1], asked=Asked(model, version, holder))


def refused(service: Service, sent: tuple[dict[str, str], bytes]) -> str:
    """The code with which an event is refused, empty if it is not."""
    try:
        deliver(service, sent)
    except BadRequest as problem:
        return problem.code
    return ""


def window(desk: Desk, *, start: int = MONDAY, version: str = "default") -> dict[str, Any]:
    """The window as it is read."""
    found = histograms(desk.service, desk.watched, start, version=version, feature=None, baseline=None)
    read: dict[str, Any] = json.loads(json.dumps(found))
    return read


def counts(desk: Desk, feature: str, **which: Any) -> dict[str, int]:
    """The bins of a feature that are not empty: values and categories by label, others by kind."""
    bins = window(desk, **which)["features"][feature]["bins"]
    return {
        one["label"] if one["kind"] in {"category", "value"} else one["kind"]: one["count"]
        for one in bins
        if one["count"]
    }


def metric(desk: Desk, name: str, **labels: str) -> float:
    """A counter of the service."""
    return desk.service.instruments.registry.get_sample_value(name, labels) or 0.0


def unpaired(desk: Desk, kind: str) -> float:
    """How many events came without their other half."""
    return metric(desk, "driftgauge_unpaired_events_total", model="m", kind=kind)


def rows(desk: Desk, outcome: str, *, kind: str = "kserve", model: str = "m") -> float:
    """How many rows came to that."""
    return metric(desk, "driftgauge_ingest_rows_total", model=model, format=kind, outcome=outcome)
