"""The house itself: locks, packaging, and what the README and the pipeline rely on."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def names(requirements: list[str]) -> set[str]:
    """Normalised names of requirement lines."""
    found = (re.match(r"[A-Za-z0-9_.-]+", line) for line in requirements)
    return {re.sub(r"[-_.]+", "-", match[0]).lower() for match in found if match}


def pinned(lock: Path) -> set[str]:
    """The packages that a lock file pins."""
    return names([line for line in lock.read_text().splitlines() if "==" in line])


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_holds_hashes_and_no_address(lock: Path) -> None:
    """The same bytes are installed from whatever index somebody trusts."""
    text = lock.read_text()
    assert "://" not in text
    blocks = re.split(r"\n(?=[A-Za-z])", text.strip())
    assert all("==" in block and "--hash=sha256:" in block for block in blocks)


def test_every_dependency_is_locked() -> None:
    """Nobody added a dependency and forgot `make lock`."""
    groups = PROJECT["dependency-groups"]
    runtime = names(PROJECT["project"]["dependencies"])
    assert runtime <= pinned(ROOT / "requirements" / "runtime.txt")
    assert runtime | names(groups["test"] + groups["lint"]) <= pinned(ROOT / "requirements" / "dev.txt")
    assert names(groups["build"]) <= pinned(ROOT / "requirements" / "build.txt")
    for group in ("demo", "peers"):
        assert names(groups[group]) <= pinned(ROOT / "requirements" / f"{group}.txt")


def test_locks_agree() -> None:
    """Tests run against the versions that are shipped."""
    versions: dict[str, set[str]] = {}
    for lock in {*LOCKS} - {ROOT / "requirements" / "peers.txt"}:  # an environment of its own
        for name, version in re.findall(r"^([\w.-]+)==([\w.!+]+)", lock.read_text(), re.MULTILINE):
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_what_travels_in_the_wheel_exists() -> None:
    """Migrations and dashboards lie where the build looks for them, and the image copies them."""
    folders = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for folder in folders:
        assert any((ROOT / folder).rglob("*.*")), folder
        assert f"!{folder.split('/')[0]}" in ignored


def test_import_contracts_have_no_exceptions() -> None:
    """An architecture with a list of exceptions is a wish."""
    for contract in PROJECT["tool"]["importlinter"]["contracts"]:
        assert "ignore_imports" not in contract
