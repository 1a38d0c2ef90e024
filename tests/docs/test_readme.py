"""The README's commands run as written against a fresh service, then those that lead to a page."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from docs.walking import ADDRESS, ROOT, Walker, walker
from e2e.stack import program
from faults.ports import free_port
from service import Service

README: Final = ROOT / "README.md"
DOCS: Final = ROOT / "docs"
HASTE: Final = {"15s": "1s", "30s #": "1s #", "10s": "1s"}


@dataclass(frozen=True, slots=True)
class Story:
    """A service after the README, who walked through it, and what they saw."""

    service: Service
    walker: Walker
    said: str


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A service that knew nothing, in a copy of the checkout whose ports are ours."""
    if shutil.which("curl") is None:
        if os.environ.get("CI"):
            pytest.fail("curl is missing in CI")
        pytest.skip("CURL IS NOT INSTALLED: the README was not run")
    folder = tmp_path_factory.mktemp("readme")
    with Service() as fresh:
        ports = {str(port): str(free_port()) for port in (9090, 9093, 9095)}
        for name in ("alertmanager", "prometheus"):
            shutil.copytree(ROOT / "deploy" / name, folder / "deploy" / name)
        for path in folder.glob("deploy/*/*.yml"):
            text = path.read_text(encoding="utf-8").replace("localhost:8080", fresh.url.removeprefix("http://"))
            for old, new in (ports | HASTE if path.parent.name in path.name else {}).items():
                text = text.replace(old, new)
            path.write_text(text, encoding="utf-8")
        with walker(folder, {ADDRESS: fresh.url} | ports) as somebody:
            yield Story(fresh, somebody, somebody.walk(README))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_readme(story: Story) -> None:
    """Every shell and Python block succeeds, no call is refused, and the injected fault is found."""
    episodes = story.service.client.get("/v1/models/payments/episodes").json()
    assert {"amount"} <= {episode["feature"] for episode in episodes}
    assert "drift_score{" in story.said
    assert (story.walker.folder / "driftgauge.rules.yml").stat().st_size


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_from_the_readme_to_a_page(story: Story) -> None:
    """The commands that follow the README end with a printed page about its fault."""
    for name, package in (("prometheus", "prometheus"), ("prometheus-alertmanager", "prometheus-alertmanager")):
        program(name, package)
    said = story.walker.walk(DOCS / "deploy" / "alerting.md")
    assert "firing: DriftgaugeDriftCritical" in said
    assert f"{story.service.url}/v1/models/payments/features/amount/explanation?version=default" in said


def test_links() -> None:
    """Every file that a page of documentation links to exists."""
    for page in [README, *sorted(DOCS.rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
