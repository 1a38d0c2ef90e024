"""Draw dashboards from a running service: `PYTHONPATH=tests python bench/panels/draw.py --help`.

Grafana's own components (npm) draw lines, tiles and frames in Chromium, from what the dashboards' queries answer.
"""

import argparse
import html
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import psycopg

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
BOARDS: Final = ROOT / "grafana" / "dashboards"
STEPS: Final = 240
WIDTH: Final = 1360

Tree = dict[str, Any]


class Sources:
    """Prometheus and Postgres over one span of time, in Unix seconds."""

    def __init__(self, prometheus: str, postgres: str, *, span: tuple[float, float]) -> None:
        self.prometheus = prometheus
        self.postgres = postgres
        self.span = span
        self.step = max(2.0, (span[1] - span[0]) / STEPS)

    def frames(self, panel: Tree, variables: Mapping[str, str]) -> list[Tree]:
        """What a panel's targets answer, as data frames."""
        found: list[Tree] = []
        for target in panel["targets"]:
            if "rawSql" in target:
                found += self._sql(target, variables)
            elif target.get("instant") and panel["type"] == "table":
                return self._merged(panel, variables)
            else:
                found += self._series(target, variables)
        return found

    def _series(self, target: Tree, variables: Mapping[str, str]) -> Iterator[Tree]:
        query = filled(target["expr"], variables, rate=f"{max(60, int(4 * self.step))}s")
        instant = {"query": query, "time": self.span[1]}
        found = self._ask("query", instant) if target.get("instant") else self._range(query)
        for one in found:
            points = one["values"] if "values" in one else [one["value"]]
            legend = target["legendFormat"]
            for label in re.findall(r"{{(\w+)}}", legend):
                legend = legend.replace(f"{{{{{label}}}}}", one["metric"].get(label, ""))
            times = [float(moment) * 1000 for moment, _ in points]
            values = [None if value == "NaN" else float(value) for _, value in points]
            number = {"name": "Value", "type": "number", "values": values, "labels": one["metric"]}
            number["config"] = {"displayNameFromDS": legend or "value"}
            yield {"refId": target["refId"], "fields": [{"name": "Time", "type": "time", "values": times}, number]}

    def _range(self, query: str) -> list[Tree]:
        first, last = self.span
        asked = {"query": query, "start": first, "end": last, "step": self.step}
        return self._ask("query_range", asked)

    def _merged(self, panel: Tree, variables: Mapping[str, str]) -> list[Tree]:
        """Instant queries side by side, one row a value of the label they share, in words of the transformation."""
        names = panel["transformations"][-1]["options"]["renameByName"]
        rows: dict[str, dict[str, float]] = {}
        label = next(name for name in names if not name.startswith("Value #"))
        for target in panel["targets"]:
            for one in self._ask(
                "query", {"query": filled(target["expr"], variables, rate="60s"), "time": self.span[1]}
            ):
                rows.setdefault(one["metric"][label], {})[target["refId"]] = float(one["value"][1])
        order = sorted(rows)
        fields: list[Tree] = [{"name": names[label], "type": "string", "values": order}]
        for target in panel["targets"]:
            letter = target["refId"]
            values = [rows[name].get(letter) for name in order]
            fields.append({"name": names[f"Value #{letter}"], "type": "number", "values": values, "config": {}})
        return [{"fields": fields}]

    def _ask(self, call: str, asked: Mapping[str, object]) -> list[Tree]:
        body = "&".join(f"{key}={quoted(str(value))}" for key, value in asked.items()).encode()
        with urlopen(f"{self.prometheus}/api/v1/{call}", body, timeout=60) as answer:  # noqa: S310 - ours
            result: list[Tree] = json.load(answer)["data"]["result"]
        return result

    def _sql(self, target: Tree, variables: Mapping[str, str]) -> list[Tree]:
        first, last = self.span
        query = target["rawSql"]
        seconds = max(10, round(4 * self.step / 10) * 10)
        grouped = rf"floor(extract(epoch FROM \1) / {seconds}) * {seconds}"
        query = re.sub(r"\$__timeGroup\((\w+), \$__interval\)", grouped, query)
        between = rf"\1 BETWEEN to_timestamp({first}) AND to_timestamp({last})"
        query = re.sub(r"\$__timeFilter\((\w+)\)", between, query)
        for name, value in variables.items():
            query = query.replace(f"${{{name}:sqlstring}}", "'" + value.replace("'", "''") + "'")
        with psycopg.connect(self.postgres) as conn:
            cursor = conn.execute(query.encode())
            names = [column.name for column in cursor.description or ()]
            columns = list(zip(*cursor.fetchall(), strict=True)) or [()] * len(names)
        table = dict(zip(names, columns, strict=True))
        if target["format"] == "time_series":
            return _long(table)
        fields = [_field(name, values) for name, values in table.items()]
        return [{"refId": target["refId"], "fields": fields}] if columns[0] else []


def _field(name: str, values: Sequence[Any]) -> Tree:
    if any(isinstance(value, str) for value in values):
        return {"name": name, "type": "string", "values": list(values)}
    numbers = [None if value is None else float(value) for value in values]
    return {"name": name, "type": "number", "values": numbers, "config": {"displayNameFromDS": name}}


def _long(table: Mapping[str, Sequence[Any]]) -> list[Tree]:
    """Rows of time, metric and value as one frame a metric."""
    series: dict[str, list[tuple[float, float]]] = {}
    for moment, metric, value in zip(*(table[name] for name in ("time", "metric", "value")), strict=True):
        series.setdefault(metric, []).append((float(moment) * 1000, float(value)))
    return [
        {
            "fields": [
                {"name": "Time", "type": "time", "values": [moment for moment, _ in points]},
                _field(metric, [value for _, value in points]),
            ]
        }
        for metric, points in sorted(series.items())
    ]


def filled(expr: str, variables: Mapping[str, str], *, rate: str) -> str:
    """A query with Grafana's words and the variables in it."""
    expr = expr.replace("$__rate_interval", rate)
    for name, value in variables.items():
        expr = expr.replace(f"${name}", value)
    return expr


def quoted(value: str) -> str:
    """Text as part of a form."""
    return "".join(c if c.isascii() and c.isalnum() else "".join(f"%{byte:02X}" for byte in c.encode()) for c in value)


def answered(board: str, sources: Sources, variables: Mapping[str, str], titles: Sequence[str]) -> Tree:
    """The chosen panels of a dashboard with what their queries answer, moved up to leave no gaps."""
    tree: Tree = json.loads((BOARDS / f"{board}.json").read_text(encoding="utf-8"))
    chosen = [panel for panel in tree["panels"] if panel["type"] != "row" and (not titles or panel["title"] in titles)]
    tops: dict[int, int] = {}
    below = 0
    for top in sorted({panel["gridPos"]["y"] for panel in chosen}):
        tops[top] = below
        below += max(panel["gridPos"]["h"] for panel in chosen if panel["gridPos"]["y"] == top)
    for panel in chosen:
        panel["gridPos"]["y"] = tops[panel["gridPos"]["y"]]
        panel["frames"] = sources.frames(panel, variables)
        for name, value in variables.items():
            panel["title"] = panel["title"].replace(f"${name}", value)
    first, last = sources.span
    span = {"from": first * 1000, "to": last * 1000}
    return {"title": tree["title"], "panels": chosen, "range": span, "width": WIDTH, "rows": below}


def bundled(folder: Path) -> Path:
    """Grafana's components and our drawing as one script."""
    for name in ("package.json", ".npmrc", "panels.jsx"):
        shutil.copy(HERE / name, folder / name)
    if not (folder / "node_modules").exists():
        subprocess.run(["npm", "install", "--no-package-lock", "--legacy-peer-deps"], cwd=folder, check=True)
    esbuild = folder / "node_modules" / "esbuild" / "bin" / "esbuild"
    subprocess.run(
        [
            *("node", str(esbuild), "panels.jsx", "--bundle", "--outfile=panels.js", "--jsx=automatic"),
            *("--loader:.css=text", '--define:process.env.NODE_ENV="production"', "--log-level=warning"),
        ],
        cwd=folder,
        check=True,
    )
    return folder / "panels.js"


def shoot(script: Path, data: Tree, target: Path) -> None:
    """Have Chromium draw the panels into a PNG."""
    page = script.with_name("page.html")
    told = json.dumps(data).replace("<", "\\u003c")
    page.write_text(
        f"<!doctype html><meta charset=utf-8><title>{html.escape(data['title'])}</title><div id=root></div>"
        f"<script>window.DATA={told}</script><script src={script.name}></script>",
        encoding="utf-8",
    )
    height = data["rows"] * 36 + 8
    with tempfile.TemporaryDirectory(prefix="driftgauge-chromium-") as profile:
        subprocess.run(
            [
                *("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"),
                *("--virtual-time-budget=6000", f"--user-data-dir={profile}", f"--window-size={WIDTH},{height}"),
                *(f"--screenshot={target}", page.as_uri()),
            ],
            check=True,
            timeout=120,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def main() -> None:
    """Draw one dashboard, or some of its panels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("board", choices=sorted(path.stem for path in BOARDS.glob("*.json")))
    parser.add_argument("target", type=Path, help="the PNG to write")
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090")
    parser.add_argument("--postgres", required=True, help="URL of Driftgauge's database")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--ago", type=float, default=0, help="minutes before now at which the span ends")
    parser.add_argument("--var", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--panel", action="append", default=[], metavar="TITLE", help="only these")
    parser.add_argument("--folder", type=Path, help="where npm installs; kept, unlike the default")
    asked = parser.parse_args()
    variables = {"version": ".*", "feature": ".*", "instance": ".*", "service": "", "baseline": "1"}
    variables |= dict(word.split("=", 1) for word in asked.var)
    last = time.time() - asked.ago * 60
    sources = Sources(asked.prometheus, asked.postgres, span=(last - asked.minutes * 60, last))
    with tempfile.TemporaryDirectory(prefix="driftgauge-panels-") as scratch:
        script = bundled(asked.folder or Path(scratch))
        shoot(script, answered(asked.board, sources, variables, asked.panel), asked.target.absolute())


if __name__ == "__main__":
    main()
