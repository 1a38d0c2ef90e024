"""The Helm chart: lint, strict schemas, and what the objects must agree on."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import ValidationError

from app import __version__
from app.settings import PREFIX, Settings
from deploy.objects import CHART, ROOT, Object, check, helm, of, template
from metrics.tools import promtool

VALUES = sorted((CHART / "ci").glob("*.yaml"))
EVERYTHING = CHART / "ci" / "everything-values.yaml"
TRY_OUT = CHART / "ci" / "try-out-values.yaml"
KUSTOMIZE = ROOT / "deploy" / "kustomize"


@pytest.mark.parametrize("values", [None, *VALUES], ids=lambda path: path.stem if path else "defaults")
def test_every_object_is_valid(values: Path | None) -> None:
    """Helm's own lint and the strict schemas of Kubernetes and of the Prometheus operator have nothing to say."""
    chosen = [] if values is None else ["--values", str(values)]
    done = helm("lint", "--strict", str(CHART), *chosen)
    assert done.returncode == 0, done.stdout + done.stderr
    objects = template(values)
    assert {"Deployment", "Service", "ServiceAccount"} <= {one["kind"] for one in objects}
    for one in objects:
        check(one)


def test_the_schemas_bite() -> None:
    """A misspelt probe, a port that is no name and an unknown field of a rule are found."""
    objects = template(EVERYTHING)
    (deployment,) = json.loads(json.dumps(of(objects, "Deployment")))
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["readinesProbe"] = container.pop("readinessProbe")
    (monitor,) = json.loads(json.dumps(of(objects, "ServiceMonitor")))
    monitor["spec"]["endpoints"][0]["port"] = 8080
    (rule,) = json.loads(json.dumps(of(objects, "PrometheusRule")))
    rule["spec"]["groups"][0]["rules"][0]["expression"] = "1"
    for wrong in (deployment, monitor, rule):
        with pytest.raises(Exception, match=r"readinesProbe|8080|expression") as found:
            check(wrong)
        assert isinstance(found.value, ValidationError) or "kubernetes_validate" in type(found.value).__module__


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("replica=2", "replica"),
        ("replicas=-1", "replicas"),
        ("image.digest=sha256:12", "digest"),
        ("ingress.enabled=true", "ingress.host"),
        ("extraEnv[0].nam=x", "name"),
        ("secret.create=true", "adminKey"),
        ("secret.adminKey=hunter2", "adminKey"),
        ("settings.failpoints=kill", "failpoints"),
        ("settings.Close=1", "Close"),
        ("serviceMonitor.interval=often", "interval"),
        ("postgresql.password=a/b", "password"),
    ],
)
def test_wrong_values_are_refused(wrong: str, told: str) -> None:
    """A value that is misspelt, missing or dangerous is refused by name before anything is applied."""
    done = helm("template", "dg", str(CHART), "--set", wrong)
    assert done.returncode != 0
    assert told in done.stderr


@pytest.mark.parametrize("bundled", [False, True])
@pytest.mark.parametrize(
    "chosen",
    [
        "replicas=0",
        "replicas=5,autoscaling.enabled=true",
        f"image.digest=sha256:{'a' * 64},image.tag=ignored",
        "secret.name=mine,migration.job=false,serviceAccount.create=false",
        "service.type=NodePort,networkPolicy.enabled=false,podDisruptionBudget.enabled=false",
        "serviceMonitor.enabled=true,prometheusRule.enabled=true,dashboards.enabled=true,networkPolicy.databaseCidr=fd00::/8",
        "ingress.enabled=true,ingress.host=drift.example.org,extraEnv[0].name=TZ,extraEnv[0].value=UTC",
        "podDisruptionBudget.maxUnavailable=50%,replicas=1,postgresql.size=1Ti,postgresql.storageClass=fast",
    ],
)
def test_values_in_any_company(chosen: str, bundled: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Choices that have nothing to do with each other are valid together."""
    for one in template(None, "--set", f"{chosen},postgresql.bundled={str(bundled).lower()}"):
        check(one)


def test_an_ingress_is_where_links_lead() -> None:
    """Alerts link to the host of the ingress unless they are told another address."""
    for more, url in (
        ("ingress.tlsSecret=", "http://drift.example.org"),
        ("ingress.tlsSecret=t", "https://drift.example.org"),
        ("settings.public_url=https://example.org/drift", "https://example.org/drift"),
    ):
        objects = template(None, "--set", f"ingress.enabled=true,ingress.host=drift.example.org,{more}")
        env = containers(of(objects, "Deployment")[0])[0]["env"]
        assert [one["value"] for one in env if one["name"] == "DRIFTGAUGE_PUBLIC_URL"] == [url]


def test_settings_reach_the_service() -> None:
    """Every variable that the objects set is one of ours, in its own unit."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for values in (None, *VALUES):
        for one in template(values):
            for container in containers(one):
                given = {entry["name"]: entry.get("value") for entry in container.get("env", ())}
                assert {name for name in given if name.startswith(PREFIX)} <= known
    (deployment,) = of(template(EVERYTHING), "Deployment")
    given = {entry["name"]: entry.get("value") for entry in containers(deployment)[0]["env"]}
    assert given["DRIFTGAUGE_MAX_SERIES"] == "1000000"
    assert given["DRIFTGAUGE_CLOSE_DELAY"] == "2m"
    assert given["DRIFTGAUGE_PREPARED_STATEMENTS"] == "true"
    assert given["DRIFTGAUGE_DATABASE_URL"] is None


def test_pods_are_confined() -> None:
    """No pod runs as root, gains rights, writes outside its volumes or holds a token of the cluster."""
    for values in (None, *VALUES):
        for one in template(values):
            pod = one.get("spec", {}).get("template", {}).get("spec")
            if pod is None:
                continue
            assert pod["automountServiceAccountToken"] is False
            assert pod["securityContext"]["runAsNonRoot"] is True
            for container in containers(one):
                assert container["securityContext"]["readOnlyRootFilesystem"] is True
                assert container["securityContext"]["allowPrivilegeEscalation"] is False
                assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_labels_meet() -> None:
    """Service, monitor, budget and policy select the service's pods, and no other."""
    for values in VALUES:
        objects = template(values)
        (deployment,) = of(objects, "Deployment")
        pods = deployment["spec"]["template"]["metadata"]["labels"]
        others = [
            one["spec"]["template"]["metadata"]["labels"] for one in of(objects, "StatefulSet") + of(objects, "Job")
        ]
        (service,) = [one for one in of(objects, "Service") if one["metadata"]["name"] == "dg-driftgauge"]
        chosen = [service["spec"]["selector"], deployment["spec"]["selector"]["matchLabels"]]
        chosen += [one["spec"]["selector"]["matchLabels"] for one in of(objects, "PodDisruptionBudget")]
        for selector in chosen:
            assert selector.items() <= pods.items()
            assert not any(selector.items() <= other.items() for other in others)
        for monitor in of(objects, "ServiceMonitor"):
            assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
            assert [end["port"] for end in monitor["spec"]["endpoints"]] == [
                one["name"] for one in service["spec"]["ports"]
            ]


def test_flags() -> None:
    """What is behind a flag is there with it and away without, and the replicas belong to the autoscaler."""
    behind = {"HorizontalPodAutoscaler", "ServiceMonitor", "PrometheusRule", "ConfigMap", "Ingress"}
    assert behind <= {one["kind"] for one in template(EVERYTHING)}
    assert not behind & {one["kind"] for one in template()}
    assert "replicas" not in of(template(EVERYTHING), "Deployment")[0]["spec"]
    assert of(template(), "Deployment")[0]["spec"]["replicas"] == 2
    assert {one["kind"] for one in template(TRY_OUT)}.isdisjoint({"PodDisruptionBudget", "NetworkPolicy", "Job"})
    assert "StatefulSet" in {one["kind"] for one in template(TRY_OUT)}


def test_rules_and_dashboards_are_the_ones_we_ship(tmp_path: Path) -> None:
    """The rules in the cluster are deploy/prometheus's but for the runbooks' address, and promtool takes them."""
    objects = template(EVERYTHING)
    (rule,) = of(objects, "PrometheusRule")
    text = yaml.safe_dump(rule["spec"])
    (tmp_path / "rules.yml").write_text(text, encoding="utf-8")
    done = promtool("check", "rules", str(tmp_path / "rules.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "https://wiki.example.org/runbooks/DriftgaugeDown.md" in text
    shipped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "driftgauge.rules.yml").read_text(encoding="utf-8"))
    moved = json.loads(json.dumps(rule["spec"]).replace("https://wiki.example.org/runbooks/", "docs/runbooks/"))
    assert moved == shipped
    dashboards = {name: text for one in of(objects, "ConfigMap") for name, text in one["data"].items()}
    assert all(one["metadata"]["labels"]["grafana_dashboard"] == "1" for one in of(objects, "ConfigMap"))
    files = {path.name: json.loads(path.read_text()) for path in (ROOT / "grafana" / "dashboards").glob("*.json")}
    assert {name: json.loads(text) for name, text in dashboards.items()} == files


def test_one_version_everywhere() -> None:
    """Chart, compose file and kustomization deploy the release that they came with."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == __version__
    assert f"driftgauge:{__version__}" in (ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
    listed = yaml.safe_load((KUSTOMIZE / "kustomization.yaml").read_text(encoding="utf-8"))
    assert [one["newTag"] for one in listed["images"]] == [__version__]


def test_the_kustomization_is_the_chart() -> None:
    """The plain manifests are rendered from the chart, valid, and nothing of Helm is left in them."""
    program = [sys.executable, str(KUSTOMIZE / "render.py"), "-"]
    fresh = subprocess.run(program, capture_output=True, text=True, check=True, timeout=100).stdout
    assert (KUSTOMIZE / "driftgauge.yaml").read_text(encoding="utf-8") == fresh
    assert "helm" not in fresh.split("\n", 1)[1].lower()
    listed = yaml.safe_load((KUSTOMIZE / "kustomization.yaml").read_text(encoding="utf-8"))
    assert listed["resources"] == ["driftgauge.yaml"]
    objects: list[Object] = list(yaml.safe_load_all(fresh))
    for one in objects:
        check(one)
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        return  # what it would add is to read two files
    built = subprocess.run([kubectl, "kustomize", str(KUSTOMIZE)], capture_output=True, text=True, check=True).stdout
    assert len(list(yaml.safe_load_all(built))) == len(objects)


def containers(one: Object) -> list[dict[str, Any]]:
    """Every container of an object that makes pods."""
    pod = one.get("spec", {}).get("template", {}).get("spec", {})
    return [*pod.get("containers", ()), *pod.get("initContainers", ())]
