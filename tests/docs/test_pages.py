"""The pages of documentation name what exists, all of it, as it is."""

import json
import os
import re
from pathlib import Path
from typing import Final

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.drift.bins import BinKind
from app.drift.scores import Statistic
from app.metrics.page import Page
from app.metrics.snapshot import STATUSES
from app.settings import PREFIX, Settings
from metrics import views

DOCS: Final = Path(__file__).parents[2] / "docs"


def rows(page: str) -> dict[str, list[str]]:
    """The cells of every table row that begins with a name, by that name."""
    found = {}
    for line in (DOCS / page).read_text(encoding="utf-8").splitlines():
        if match := re.match(r"\| `([^`]+)` \|(.*)\|$", line):
            found[match[1]] = [cell.strip() for cell in match[2].split(" |")]
    return found


def test_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every setting is listed in order with its default and meaning, and nothing else is."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    defaults = Settings().model_dump(mode="json")
    expected = {}
    for name, field in Settings.model_fields.items():
        default = defaults[name]
        shown = "" if default is None else json.dumps(default).strip('"')
        expected[PREFIX + name.upper()] = [f"`{shown}`" if shown else "", field.description or ""]
    lines = [f"| `{name}` | {default} | {meaning} |" for name, (default, meaning) in expected.items()]
    assert list(rows("settings.md").items()) == list(expected.items()), "the table should be:\n" + "\n".join(lines)


def test_metrics() -> None:
    """Every series is listed with its labels, and nothing else is."""
    page = Page(views.used(), max_series=10_000)
    page.publish([views.complete()])
    shown: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(page.render(None, None)[0].decode()):
        for sample in family.samples:
            name = family.name if family.type == "histogram" else sample.name
            shown.setdefault(name, set()).update(sample.labels.keys() - {"le"})
    listed = {name: set(cells[0].strip("`").split()) for name, cells in rows("metrics.md").items()}
    assert listed == {name: labels for name, labels in shown.items() if not name.startswith("process_")}


def test_words() -> None:
    """Every reserved bin, statistic and status has its word."""
    text = (DOCS / "model.md").read_text(encoding="utf-8")
    own = {BinKind.RANGE, BinKind.VALUE, BinKind.CATEGORY}
    for word in [*(kind for kind in BinKind if kind not in own), *Statistic, *STATUSES]:
        assert f"`{word}`" in text, word
