"""Real programs that the tests run."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics import parser

ROOT = Path(__file__).parents[2]


def promtool(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run promtool; without it, fail in CI and skip with a loud reason elsewhere."""
    program = shutil.which("promtool")
    if program is None:
        message = "promtool is not installed: apt-get install prometheus"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return subprocess.run([program, *arguments], input=text, capture_output=True, text=True, check=False, timeout=60)


def openmetrics(text: str) -> list[Metric]:
    """Read a document with the library's strict parser."""
    return list(parser.text_string_to_metric_families(text))  # type: ignore[no-untyped-call]
