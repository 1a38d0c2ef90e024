"""The dashboards against Grafana's own types, as grafana/schema/write.py found them."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

ROOT = Path(__file__).parents[2]
BOARDS = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
TYPES: dict[str, Any] = json.loads((ROOT / "grafana" / "schema" / "grafana.json").read_text())
Tree = dict[str, Any]


def faults(board: Tree) -> list[str]:
    """What Grafana's types do not allow: in the dashboard, in each panel's options and in its own field settings."""
    found = [error.message for error in Draft7Validator(TYPES["Board"]).iter_errors(board)]
    for panel in (panel for panel in board["panels"] if panel["type"] != "row"):
        kind, fields = panel["type"], panel["fieldConfig"]
        changes = [one for override in fields.get("overrides", ()) for one in override["properties"]]
        custom = {one["id"].removeprefix("custom."): one["value"] for one in changes if one["id"].startswith("custom.")}
        own = {**fields["defaults"].get("custom", {}), **custom}
        found += [
            error.message
            for error in Draft7Validator(TYPES["Options"]).iter_errors({kind: panel["options"]})
            if error.validator != "required"
        ]
        if own:
            found += [
                error.message
                for error in Draft7Validator(TYPES["Custom"]).iter_errors({kind: own})
                if error.validator != "required"
            ]
    return found


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_grafana_would_know_every_key(path: Path) -> None:
    """No key is misspelt, no value of another type, none that is wanted missing."""
    assert faults(json.loads(path.read_text())) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda board: board.update(refresh=60),
        lambda board: board["time"].update(form="now-1h"),
        lambda board: board["panels"][1].update(tittle="x"),
        lambda board: board["panels"][1]["options"].update(graphmode="none"),
        lambda board: board["panels"][1]["options"].update(graphMode="lines"),
        lambda board: board["panels"][1]["fieldConfig"].pop("overrides"),
        lambda board: board["panels"][1]["fieldConfig"]["defaults"]["thresholds"].update(mode="relative"),
        lambda board: board["templating"]["list"][0].update(hide="no"),
        lambda board: next(panel for panel in board["panels"] if panel["type"] == "timeseries")["fieldConfig"][
            "defaults"
        ]["custom"].update(lineWidht=1),
    ],
)
def test_a_mistake_is_found(spoil: Any) -> None:
    """The types refuse what they are for."""
    board = json.loads((ROOT / "grafana" / "dashboards" / "fleet.json").read_text())
    spoilt = deepcopy(board)
    spoil(spoilt)
    assert faults(board) == []
    assert faults(spoilt)
