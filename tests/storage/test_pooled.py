"""A pooler between the service and the server, with fewer connections than are wanted."""

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import make_url, text

from app.storage.database import Database
from faults.ports import free_port
from service import until

PGBOUNCER: Final = Path("/usr/sbin/pgbouncer")
LONG_S: Final = 7

pytestmark = [pytest.mark.postgres, pytest.mark.skipif(not PGBOUNCER.exists(), reason="no PgBouncer here")]


@pytest.fixture
def pooled_url(database_url: str, tmp_path: Path) -> Iterator[str]:
    """The database behind a PgBouncer in transaction mode that has one connection to it."""
    direct = make_url(database_url)
    sockets, port = Path(str(direct.query["host"])), free_port()
    owner = sockets.stat()
    lines = [
        "[databases]",
        f"* = host={sockets} port={direct.port or 5432} user={direct.username}",
        "[pgbouncer]",
        "listen_addr=127.0.0.1",
        f"listen_port={port}",
        "unix_socket_dir=",
        "auth_type=any",
        "pool_mode=transaction",
        "default_pool_size=1",
    ]
    written = sockets / f"pgbouncer-{port}.ini"
    written.write_text("\n".join([*lines, ""]), encoding="utf-8")
    os.chown(written, owner.st_uid, owner.st_gid)
    other: dict[str, Any] = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([PGBOUNCER, written], cwd="/", stdout=log, stderr=log, **other)
        yield (
            direct.set(host="127.0.0.1", port=port)
            .difference_update_query(["host"])
            .render_as_string(hide_password=False)
        )
        process.kill()
        process.wait()


def test_calls_that_work_long_are_left_alone(pooled_url: str) -> None:
    """Where all connections of a pooler are at work, a sign of life does not wait for one of them."""
    database = Database(pooled_url, pool_size=4, deadline_s=60.0)
    until(database.reachable, what="PgBouncer")

    def work(_: int) -> int:
        with database.transaction() as conn:
            return int(conn.scalar(text("SELECT 1 FROM pg_sleep(:long)"), {"long": LONG_S}) or 0)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, range(2))) == [1, 1]
    database.close()
