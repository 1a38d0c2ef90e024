"""Kubernetes objects of the chart, and what they must be."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema
import kubernetes_validate
import yaml

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "deploy" / "helm" / "driftgauge"
HELM: Final = str(Path(sys.executable).with_name("helm"))
KUBERNETES: Final = "1.30"
Object = dict[str, Any]

_TEXT: Final = {"type": "string"}
_TEXTS: Final = {"type": "object", "additionalProperties": _TEXT}
_SPAN: Final = {
    "type": "string",
    "pattern": r"^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$",
}


def _closed(required: tuple[str, ...], **properties: Any) -> Any:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


_META: Final = _closed(("name", "labels"), name=_TEXT, labels=_TEXTS, annotations=_TEXTS)
_SECRET: Final = _closed(("name", "key"), name=_TEXT, key=_TEXT, optional={"type": "boolean"})
_ENDPOINT: Final = _closed(
    ("port",),
    port=_TEXT,
    path=_TEXT,
    interval=_SPAN,
    scrapeTimeout=_SPAN,
    authorization=_closed(("credentials",), type=_TEXT, credentials=_SECRET),
)
_RULE: Final = _closed(
    ("expr",),
    record=_TEXT,
    alert=_TEXT,
    expr=_TEXT,
    **{"for": _SPAN},
    keep_firing_for=_SPAN,
    labels=_TEXTS,
    annotations=_TEXTS,
)
OPERATOR: Final = {
    "ServiceMonitor": _closed(
        ("selector", "endpoints"),
        selector=_closed(("matchLabels",), matchLabels=_TEXTS),
        sampleLimit={"type": "integer"},
        endpoints={"type": "array", "minItems": 1, "items": _ENDPOINT},
    ),
    "PrometheusRule": _closed(
        ("groups",),
        groups={
            "type": "array",
            "items": _closed(("name", "rules"), name=_TEXT, rules={"type": "array", "items": _RULE}),
        },
    ),
}
"""What we use of the Prometheus operator's kinds (monitoring.coreos.com/v1), closed against anything else."""


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Helm."""
    return subprocess.run([HELM, *arguments], capture_output=True, text=True, check=False, timeout=100)


@cache
def template(values: Path | None = None, *more: str) -> tuple[Object, ...]:
    """The objects that the chart makes of some values."""
    chosen = [] if values is None else ["--values", str(values)]
    done = helm("template", "dg", str(CHART), "--namespace", "drift", *chosen, *more)
    assert done.returncode == 0, done.stderr
    return tuple(one for one in yaml.safe_load_all(done.stdout) if one)


def of(objects: tuple[Object, ...], kind: str) -> list[Object]:
    """The objects of one kind."""
    return [one for one in objects if one["kind"] == kind]


def check(found: Object) -> None:
    """Hold an object against the strict schema of its kind."""
    schema = OPERATOR.get(found["kind"])
    if schema is None:
        kubernetes_validate.validate(found, KUBERNETES, strict=True)
        return
    whole = _closed(
        ("apiVersion", "kind", "metadata", "spec"),
        apiVersion={"const": "monitoring.coreos.com/v1"},
        kind={"const": found["kind"]},
        metadata=_META,
        spec=schema,
    )
    jsonschema.validate(found, whole)
