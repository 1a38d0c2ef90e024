"""The image without an engine: the wheel, unprivileged, on a read-only machine."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.standin import USER, confined, environment, may_confine, wheel
from metrics.tools import ROOT


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that every user may look into."""
    made = Path(tempfile.mkdtemp(prefix="dg-image-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def built(folder: Path) -> Path:
    """The wheel."""
    return wheel(folder)


def test_the_wheel_is_whole(built: Path) -> None:
    """Migrations, dashboards and provisioning travel in it; nothing of the tests does."""
    with zipfile.ZipFile(built) as archive:
        names = set(archive.namelist())
    for source in ("alembic", "grafana/dashboards", "grafana/provisioning"):
        for path in (ROOT / source).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert f"app/{path.relative_to(ROOT)}" in names
    for path in (ROOT / "app").rglob("*.py"):
        assert str(path.relative_to(ROOT)) in names
    assert not [name for name in names if name.split("/")[0] != "app" and ".dist-info/" not in name]


@pytest.mark.slow
def test_it_runs_unprivileged_on_a_read_only_machine(folder: Path, built: Path) -> None:
    """It serves an embedded Postgres's data as nobody in particular, writing only to its data and scratch folders."""
    if not may_confine():
        pytest.skip("NO ROOT OR NO MOUNT NAMESPACES: the image's stand-in was not run")
    program = environment(folder, built) / "bin" / "driftgauge"
    settings = {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": str(folder / "data"),
        "TMPDIR": str(folder / "scratch"),
        "DRIFTGAUGE_DATA_DIR": str(folder / "data"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    log = folder / "log"
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            confined(folder, str(program), "serve", "--port", "0"),
            env=settings,
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, log.read_text(encoding="utf-8")
        with httpx.Client(base_url=json.loads(line)["url"], timeout=100) as client:
            assert client.put("/v1/models/m", json={"window": "1h"}).status_code == 201
            rows = [{"timestamp": 1_700_000_000 + n, "x": n % 17} for n in range(4000)]
            made = client.post("/v1/models/m/baselines?activate=true", json={"rows": rows})
            assert made.status_code == 201, made.text
            sent = client.put("/v1/models/m/batches/b", json={"rows": [{"x": n} for n in range(100)]})
            assert sent.json()["rows"]["accepted"] == 100
            assert client.post("/v1/models/m/evaluate").status_code == 200
            assert "drift_baseline_info" in client.get("/metrics").text
        (inner,) = [int(pid) for pid in children(process.pid)]
        status = Path(f"/proc/{inner}/status").read_text(encoding="ascii")
        assert f"Uid:\t{USER}\t{USER}" in status
        assert "CapBnd:\t0000000000000000" in status
        os.kill(inner, signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text(encoding="utf-8")
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    assert "Read-only file system" not in log.read_text(encoding="utf-8")


def children(pid: int) -> list[str]:
    """The children of a process."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
