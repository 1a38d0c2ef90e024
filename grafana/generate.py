"""Write the dashboards and the deployed alerting rules: `make dashboards`."""

import json
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard as Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from app.metrics import rules
from grafana import feature, fleet, model, service

ROOT: Final = Path(__file__).parents[1]
BOARDS: Final = {"fleet": fleet.build, "model": model.build, "feature": feature.build, "service": service.build}


def files() -> dict[Path, str]:
    """Every generated file and its text."""
    boards = {name: _board(build()) for name, build in BOARDS.items()}
    return {ROOT / "grafana" / "dashboards" / f"{name}.json": text for name, text in boards.items()} | {
        ROOT / "deploy" / "prometheus" / "driftgauge.rules.yml": rules.text(),
    }


def dumped(board: Dashboard) -> str:
    """A dashboard as JSON, without the keys that only interval variables and older tables have."""
    tree = json.loads(json.dumps(board, cls=JSONEncoder))
    for variable in tree["templating"]["list"]:
        for key in ("auto", "auto_count", "auto_min"):
            variable.pop(key, None)
    for link in (*tree["links"], *(link for panel in tree["panels"] for link in panel.get("links", ()))):
        link.pop("placement", None)  # else Grafana hides it in a menu
    for panel in tree["panels"]:
        if panel["type"] == "table":
            panel["options"].pop("footer", None)
    return json.dumps(tree, indent=2, sort_keys=True) + "\n"


def _board(builder: Builder) -> str:
    board = builder.build()
    for number, panel in enumerate(board.panels or (), start=1):
        panel.id_val = number
    return dumped(board)


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
