"""The dashboards, as far as they can be judged without Grafana."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from grafana_foundation_sdk.models.dashboard import Dashboard

from app.metrics.page import Page
from grafana import generate
from metrics.views import complete, used

ROOT = Path(__file__).parents[2]
BOARDS = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
SCRAPED = {"instance", "job"}
WORDS = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h"}
Tree = dict[str, Any]


def board(path: Path) -> Tree:
    """One committed dashboard."""
    tree: Tree = json.loads(path.read_text())
    return tree


def panels(tree: Tree) -> list[Tree]:
    """Every panel that shows something."""
    return [panel for panel in tree["panels"] if panel["type"] != "row"]


def promql(tree: Tree) -> Iterator[str]:
    """Every Prometheus query, with Grafana's own words filled in."""
    for panel in panels(tree):
        for target in panel["targets"]:
            if "expr" in target:
                expr = target["expr"]
                for word, value in WORDS.items():
                    expr = expr.replace(word, value)
                yield expr


def sample_names() -> set[str]:
    """Every name the page can show."""
    page = Page(used(), max_series=1000)
    page.publish([complete()])
    return set(re.findall(r"^([a-z_]+)[{ ]", page.render(None, None)[0].decode(), re.MULTILINE))


def labels_by_name() -> dict[str, set[str]]:
    """The labels that each name can carry."""
    page = Page(used(), max_series=1000)
    page.publish([complete()])
    found: dict[str, set[str]] = {}
    for line in page.render(None, None)[0].decode().splitlines():
        if match := re.match(r"([a-z_]+)(?:\{(.*)\})? ", line):
            found.setdefault(match[1], set()).update(re.findall(r'(\w+)="', match[2] or ""))
    return found


def selectors(expr: str) -> Iterator[promql_parser.VectorSelector]:
    """Every selector inside an expression."""
    found: list[promql_parser.VectorSelector] = []

    def look(node: object) -> bool:
        if isinstance(node, promql_parser.MatrixSelector):
            node = node.vector_selector
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        return True

    promql_parser.walk(promql_parser.parse(expr), look)
    yield from found


def test_committed_files_are_the_generated_ones() -> None:
    """`make dashboards` was run after the last change."""
    for path, text in generate.files().items():
        assert path.read_text() == text, path.name
    assert {path for path in generate.files() if path.suffix == ".json"} == set(BOARDS)


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_the_sdk_reads_back_what_it_wrote(path: Path) -> None:
    """A misspelt key would not survive the round trip."""
    assert generate.dumped(Dashboard.from_json(board(path))) == path.read_text()


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_every_query_is_promql_on_series_that_exist(path: Path) -> None:
    """Each target parses, and names metrics and labels that the page shows."""
    known = labels_by_name()
    queries = list(promql(board(path)))
    assert queries
    for expr in queries:
        asked = list(selectors(expr))
        assert asked or expr.startswith("vector(")
        for selector in asked:
            assert selector.name in known, expr
            assert {matcher.name for matcher in selector.matchers.matchers} <= known[selector.name] | SCRAPED, expr


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_every_variable_is_declared_and_asks_for_series_that_exist(path: Path) -> None:
    """No panel waits for a variable nobody fills, and no variable for a metric nobody exposes."""
    tree = board(path)
    variables = tree["templating"]["list"]
    declared = {variable["name"] for variable in variables}
    named = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps([tree["panels"], variables])))
    assert named <= declared
    asked = {name for variable in variables for name in re.findall(r"drift\w+", variable.get("definition", ""))}
    assert asked
    assert asked <= sample_names()


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_every_panel_explains_itself(path: Path) -> None:
    """Title, description, unit, a data source that can be chosen, an id of its own and a place on the grid."""
    tree = board(path)
    assert tree["editable"] is False
    assert len(tree["uid"]) <= 40
    assert len({panel["id"] for panel in tree["panels"]}) == len(tree["panels"])
    for panel in panels(tree):
        assert panel["title"], panel["id"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] in {"${datasource}", "${sql}"}
        assert all(target["datasource"]["uid"] == panel["datasource"]["uid"] for target in panel["targets"])
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_panels_do_not_overlap(path: Path) -> None:
    """Every cell of the grid belongs to one panel."""
    taken: set[tuple[int, int]] = set()
    for panel in board(path)["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + i, at["y"] + j) for i in range(at["w"]) for j in range(at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    """Links to siblings name dashboards that exist and variables that they have; links to the service, its API."""
    siblings = {board(one)["uid"]: board(one) for one in BOARDS}
    links = re.findall(r'"url": "([^"]+)"', json.dumps([board(path)["panels"], board(path)["links"]]))
    for url in links:
        if url.startswith("/d/"):
            uid = re.match(r"/d/([a-z-]+)\?", url)
            assert uid is not None
            assert uid[1] in siblings, url
            declared = {one["name"] for one in siblings[uid[1]]["templating"]["list"]}
            assert set(re.findall(r"[?&]var-(\w+)=", url)) <= declared, url
        else:
            assert url.startswith("${service}/v1/models/"), url
    assert links or path.stem == "service"
    assert any(link["tags"] == ["driftgauge"] for link in board(path)["links"])


def test_every_series_is_used_or_said_to_be_for_others() -> None:
    """A series that no dashboard, no rule and no template reads is named as such in docs/metrics.md."""
    rules = (ROOT / "deploy" / "prometheus" / "driftgauge.rules.yml").read_text()
    used_ = set(re.findall(r"drift\w+", rules + " ".join(path.read_text() for path in BOARDS)))
    used_ |= {re.sub(r"_(?:bucket|sum|count)$", "", name) for name in used_}
    unused = {re.sub(r"(_seconds)_(?:bucket|sum|count)$", r"\1", name) for name in sample_names()} - used_
    text = (ROOT / "docs" / "metrics.md").read_text()
    (told,) = re.findall(r"For your own queries, no dashboard or rule reads them: ([^.]+)\.", text)
    assert {name for name in unused if name.startswith("drift")} == set(re.findall(r"`(\w+)`", told))


def test_rates_adapt_to_the_scrape_interval() -> None:
    """A rate over a fixed range is empty or coarse on somebody's Prometheus."""
    ranges = [name for path in BOARDS for name in re.findall(r"\[([^\]]+)\]", " ".join(raw(board(path))))]
    assert set(ranges) == {"$__rate_interval"}


def raw(tree: Tree) -> list[str]:
    """Every Prometheus query as it is written."""
    return [target["expr"] for panel in panels(tree) for target in panel["targets"] if "expr" in target]


def test_provisioning_names_the_kinds_the_dashboards_ask_for() -> None:
    """Both data sources are provisioned, under the types of the dashboards' variables."""
    folder = ROOT / "grafana" / "provisioning"
    sources = yaml.safe_load((folder / "datasources" / "driftgauge.yml").read_text())["datasources"]
    asked = {
        one["query"] for path in BOARDS for one in board(path)["templating"]["list"] if one["type"] == "datasource"
    }
    assert {source["type"] for source in sources} == asked
    (provider,) = yaml.safe_load((folder / "dashboards" / "driftgauge.yml").read_text())["providers"]
    assert provider["type"] == "file"
