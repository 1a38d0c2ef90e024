"""Who is told what: the Alertmanager sample by its own tool, and the example of a webhook."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml

from app.metrics.alert import Alert
from app.metrics.alerts import GROUPS
from metrics.tools import ROOT

FOLDER = ROOT / "deploy" / "alertmanager"
CONFIG = FOLDER / "alertmanager.yml"
ALERTS = [rule for group in GROUPS.values() for rule in group if isinstance(rule, Alert)]


def amtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run amtool; without it, fail in CI and skip with a loud reason elsewhere."""
    program = shutil.which("amtool")
    if program is None:
        message = "AMTOOL IS NOT INSTALLED: apt-get install prometheus-alertmanager"
        assert not os.environ.get("CI"), message
        pytest.skip(message)
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_amtool_accepts_the_sample() -> None:
    """It loads, with its routes, inhibitions and receivers."""
    done = amtool("check-config", str(CONFIG))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_alert_finds_its_receiver(alert: Alert) -> None:
    """What is critical goes to the pager, what is a warning to the tickets."""
    labels = [f"alertname={alert.name}", f"severity={alert.severity}", "model=m", "version=default"]
    done = amtool("config", "routes", "test", f"--config.file={CONFIG}", *labels)
    assert done.stdout.strip() == {"critical": "pager", "warning": "tickets"}[alert.severity]


def test_inhibitions_name_what_exists() -> None:
    """Every alert that mutes or is muted by name is one of ours."""
    names = {alert.name for alert in ALERTS}
    for rule in yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["inhibit_rules"]:
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            if found := re.search(r'"Driftgauge\(([^)]*)\)"', matcher):
                assert {f"Driftgauge{one}" for one in found[1].split("|")} <= names


def test_webhook_example(tmp_path: Path) -> None:
    """The example prints a page and its end, and refuses what is none."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    printed = tmp_path / "pages"
    with printed.open("w", encoding="utf-8") as out:
        process = subprocess.Popen([sys.executable, str(FOLDER / "webhook.py"), str(port)], stdout=out)
    try:
        notes = {"summary": "Drift in m", "description": "evidence is 7", "runbook_url": "docs/runbooks/X.md"}
        page = {
            "status": "firing",
            "alerts": [{"status": "firing", "labels": {"alertname": "X"}, "annotations": notes}],
        }
        end = time.monotonic() + 60
        while True:
            try:
                assert httpx.post(f"http://127.0.0.1:{port}/page", content=json.dumps(page)).status_code == 200
                break
            except httpx.ConnectError:
                assert time.monotonic() < end
                time.sleep(0.05)
        for wrong in ("no json", "[]", '{"alerts": [{}]}'):
            assert httpx.post(f"http://127.0.0.1:{port}/page", content=wrong).status_code == 400
    finally:
        process.terminate()
        process.wait(30)
    shown = printed.read_text(encoding="utf-8").splitlines()
    assert shown == ["PAGE firing", "  firing: X", *(f"  {notes[name]}" for name in notes)]
