"""Prometheus rules for the exposed series, as YAML."""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from app.metrics.alert import Alert, Record
from app.metrics.alerts import GROUPS

RUNBOOKS: Final = "docs/runbooks"


def _quoted(label: str) -> str:
    """A label's value as part of a URL."""
    return f'{{{{ reReplaceAll "\\\\+" "%20" (urlquery $labels.{label}) }}}}'


def _known(to: str, otherwise: str) -> str:
    """The address that the service was told, or something else."""
    return (
        f'{{{{ with query `max by (url) (driftgauge_link_info{{to="{to}"}})` }}}}{{{{ . | first | label "url" }}}}'
        f"{{{{ else }}}}{otherwise}{{{{ end }}}}"
    )


_SCRAPED: Final = (
    "{{ with query `driftgauge_build_info` }}http://"
    '{{ . | sortByLabel "instance" | first | label "instance" }}{{ end }}'
)
_SERVICE: Final = _known("service", _SCRAPED)
_GRAFANA: Final = _known("grafana", "")
_EVIDENCE: Final = (
    f"/v1/models/{_quoted('model')}"
    f"{{{{ if $labels.feature }}}}/features/{_quoted('feature')}/explanation?version={_quoted('version')}"
    "{{ else }}/status{{ end }}"
)
_BOARD: Final = (
    f"/d/driftgauge-{{{{ if $labels.feature }}}}feature?var-feature={_quoted('feature')}&"
    "{{ else }}model?{{ end }}"
    f"var-model={_quoted('model')}{{{{ with $labels.version }}}}&var-version={{{{ urlquery . }}}}{{{{ end }}}}"
)


def text(url: str | None = None, *, budgets: Mapping[str, float] | None = None) -> str:
    """The rules as YAML; links start with the given URL, else with what Prometheus knows of the service.

    `budgets` are pages a month by model, told in a comment.
    """
    return "\n".join(_lines(url, budgets or {})) + "\n"


def _lines(url: str | None, budgets: Mapping[str, float]) -> Iterator[str]:
    yield "# Written by `driftgauge rules`."
    for model, pages in sorted(budgets.items()):
        yield f"# {json.dumps(model)}: {pages:g} pages a month"
    yield "groups:"
    for group, rules in GROUPS.items():
        yield f"  - name: {group}"
        yield "    rules:"
        for rule in rules:
            yield from _record(rule) if isinstance(rule, Record) else _alert(rule, url)


def _record(rule: Record) -> Iterator[str]:
    yield f"      - record: {rule.name}"
    yield from _expr(rule.expr)


def _alert(rule: Alert, url: str | None) -> Iterator[str]:
    yield f"      - alert: {rule.name}"
    yield from _expr(rule.expr)
    if rule.wait:
        yield f"        for: {rule.wait}"
    yield f"        keep_firing_for: {rule.keep}"
    yield "        labels:"
    yield f"          severity: {rule.severity}"
    yield "        annotations:"
    yield f"          summary: {json.dumps(rule.summary)}"
    yield f"          description: {json.dumps(rule.description)}"
    yield f"          runbook_url: {json.dumps(f'{RUNBOOKS}/{rule.name}.md')}"
    if "$labels.model" in rule.summary:
        yield f"          evidence: {json.dumps((_SERVICE if url is None else url.rstrip('/')) + _EVIDENCE)}"
        yield f"          dashboard: {json.dumps(_GRAFANA + _BOARD)}"


def _expr(expr: str) -> Iterator[str]:
    yield "        expr: |-"
    for line in expr.splitlines():
        yield f"          {line}"
