"""The commands of the page about backups, as written."""

import os
import shutil
from pathlib import Path
from typing import Final

import psycopg
import pytest

from docs.walking import ROOT, walker
from faults.cluster import BIN, Cluster
from service import Service

PAGE: Final = ROOT / "docs" / "deploy" / "backup.md"
READS: Final = ("", "/baselines/1", "/windows", "/scores", "/batches/b")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_dump_brings_everything_back(tmp_path: Path) -> None:
    """A service on the restored database tells the same, counts again what it never saw and nothing twice."""
    if not BIN.exists() or shutil.which("pg_dump") is None:
        assert not os.environ.get("CI"), "postgresql-15 is missing in CI"
        pytest.skip("POSTGRESQL-15 IS NOT INSTALLED: backups were not tested")
    with Cluster() as cluster:
        lived, restored = (cluster.url(cluster.create()) for _ in range(2))
        path = "/v1/models/m"
        rows = {"rows": [{"x": n % 7} for n in range(50)]}
        with Service({"DRIFTGAUGE_DATABASE_URL": lived}) as service:
            client = service.client
            assert client.put(path, json={}).status_code == 201
            reference = {"rows": [{"timestamp": 1_700_000_000 + n, "x": n % 7} for n in range(5000)]}
            assert client.post(f"{path}/baselines?activate=true", json=reference).status_code == 201
            assert client.put(f"{path}/batches/b", json=rows).status_code == 200
            settings = {"DRIFTGAUGE_DATABASE_URL": lived, "RESTORED_URL": restored}
            with walker(tmp_path, {}, settings) as somebody:
                somebody.walk(PAGE)
            told = [client.get(path + one).json() for one in READS]
            assert client.put(f"{path}/batches/lost", json=rows).status_code == 200
        with Service({"DRIFTGAUGE_DATABASE_URL": restored}) as service:
            client = service.client
            assert [client.get(path + one).json() for one in READS] == told
            assert client.put(f"{path}/batches/b", json=rows).json()["duplicate"] is True
            assert client.put(f"{path}/batches/lost", json=rows).json()["duplicate"] is False
            assert client.get("/v1/admin/ledger-balance?model=m").json()["imbalance"] == 0
        with psycopg.connect(restored) as conn:
            assert conn.execute("SELECT sum(count) FROM feature_histogram WHERE model = 'm'").fetchone() == (100,)
