"""The README's commands run as written, one after the other, against a fresh service."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from service import Service

README: Final = Path(__file__).parents[2] / "README.md"
BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS: Final = "http://127.0.0.1:8080"


@pytest.fixture
def fresh() -> Iterator[Service]:
    """A service that knows nothing yet."""
    with Service() as running:
        yield running


def blocks() -> list[tuple[str, str]]:
    """Every fenced block with its language."""
    return BLOCK.findall(README.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_readme(fresh: Service, tmp_path: Path) -> None:
    """Every shell and Python block succeeds, no call is refused, and the injected fault is found."""
    if shutil.which("curl") is None:
        if os.environ.get("CI"):
            pytest.fail("curl is missing in CI")
        pytest.skip("CURL IS NOT INSTALLED: the README was not run")
    (tmp_path / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    here = Path(sys.executable).parent
    environment = os.environ | {"CURL_HOME": str(tmp_path), "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"}
    said = []
    for language, text in blocks():
        written = text.replace(ADDRESS, fresh.url)
        command = {"sh": ["sh", "-euc", written], "python": [sys.executable, "-W", "error", "-c", written]}[language]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, f"{written}\n{done.stdout}\n{done.stderr}"
        said.append(done.stdout)
    episodes = fresh.client.get("/v1/models/payments/episodes").json()
    assert {"amount"} <= {episode["feature"] for episode in episodes}
    assert any("drift_score{" in text for text in said)
    assert (tmp_path / "driftgauge.rules.yml").stat().st_size


def test_readme_links() -> None:
    """Every file that a page of documentation links to exists."""
    for page in [README, *sorted((README.parent / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
