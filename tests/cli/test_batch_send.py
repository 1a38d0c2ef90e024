"""`driftgauge batch send` against a real service: everything counted, once, whatever dies."""

import json
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from service import Service, command, environment, until

ROWS: Final = 40_000
DAY: Final = 86_400


class Harbour(Service):
    """A service that comes back at the same address."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        super().__init__({"DRIFTGAUGE_EVALUATE_INTERVAL": "1h"}, port=port)


@pytest.fixture(scope="module")
def harbour() -> Iterator[Harbour]:
    """One service for all tests of this file."""
    with Harbour() as running:
        yield running


@pytest.fixture
def model(harbour: Harbour) -> str:
    """A model of the test's own with an active baseline."""
    name = f"sent-{uuid.uuid4().hex[:8]}"
    harbour.client.put(f"/v1/models/{name}", json={"window": "1h"}).raise_for_status()
    rows = "x,c\n" + "".join(f"{n % 97},{'ab'[n % 2]}\n" for n in range(1000))
    where, headers = f"/v1/models/{name}/baselines?activate=true", {"Content-Type": "text/csv"}
    harbour.client.post(where, content=rows, headers=headers).raise_for_status()
    return name


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A day of rows, one line of which is broken."""
    midnight = int(time.time()) // DAY * DAY - 30 * DAY
    path = tmp_path / "log.ndjson"
    with path.open("w", encoding="utf-8") as file:
        for n in range(ROWS):
            row = {"timestamp": midnight + n * DAY // ROWS, "x": n % 89, "c": "abc"[n % 3]}
            file.write("{broken\n" if n == ROWS // 2 else json.dumps(row) + "\n")
    return path


def sending(service: Service, file: Path, model: str, *options: str) -> "subprocess.Popen[str]":
    """The command at work on a file."""
    return subprocess.Popen(
        command("batch", "send", str(file), "--model", model, "--url", service.url, *options),
        env=environment(service.data_dir),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """What the command printed, when it ended well."""
    out, err = process.communicate(timeout=110)
    assert process.returncode == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def counted(client: httpx.Client, model: str) -> int:
    """The rows in all windows of the model."""
    return sum(window["rows"] for window in client.get(f"/v1/models/{model}/windows").json())


@pytest.mark.slow
def test_service_killed(harbour: Harbour, model: str, log: Path) -> None:
    """The service dies in the middle and comes back: the command waits for it, and every row counts once."""
    process = sending(harbour, log, model, "--backfill")
    until(lambda: counted(harbour.client, model) > 0, what="the first batch")
    assert process.poll() is None
    harbour.kill()
    harbour.restart()
    sent = ended(process)
    expected = {"received": ROWS, "accepted": ROWS - 1, "late": 0, "future": 0, "rejected": 1}
    assert sent["rows"] == expected
    assert sent["batches"] == ROWS // 2_000
    assert counted(harbour.client, model) == ROWS - 1
    again = ended(sending(harbour, log, model, "--backfill"))
    assert again == sent | {"duplicates": sent["batches"]}
    assert counted(harbour.client, model) == ROWS - 1


@pytest.mark.slow
def test_sender_killed(harbour: Harbour, model: str, log: Path) -> None:
    """The command itself dies in the middle: run again, it sends the rest and nothing counts twice."""
    process = sending(harbour, log, model, "--backfill")
    until(lambda: counted(harbour.client, model) > 0, what="the first batch")
    process.kill()
    process.communicate()
    sent = ended(sending(harbour, log, model, "--backfill"))
    assert sent["rows"]["accepted"] == ROWS - 1
    assert sent["duplicates"] > 0
    assert counted(harbour.client, model) == ROWS - 1


def test_old_rows_are_late(harbour: Harbour, model: str, log: Path) -> None:
    """Without --backfill rows from last month are late, and the command says what would take them."""
    process = sending(harbour, log, model, "--version", "canary")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert json.loads(out)["rows"]["late"] == ROWS - 1
    assert "--backfill" in err
    assert counted(harbour.client, model) == 0


def test_unknown_model(harbour: Harbour, log: Path) -> None:
    """A model that does not exist ends the command with the service's reason."""
    process = sending(harbour, log, "nobody")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "unknown-model" in err


def test_a_file_that_the_service_refuses(harbour: Harbour, model: str, tmp_path: Path) -> None:
    """Of several files one that is refused whole is named, and the others are sent; by itself it ends the command."""
    for name, content in {"a": '[{"x":1}]', "b": '{"rows":[{"x":1}', "c": '[{"x":2},{"x":3}]'}.items():
        (tmp_path / f"{name}.json").write_text(content)
    process = sending(harbour, tmp_path, model)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert json.loads(out)["rows"]["accepted"] == 3
    assert "b.json: undecodable" in err.replace("\n", "")
    assert "1 of 3 files" in err
    process = sending(harbour, tmp_path / "b.json", model)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert "undecodable" in err


def test_a_file_needs_no_pandas(harbour: Harbour, model: str, tmp_path: Path) -> None:
    """CSV, Parquet and Arrow are cut without the library that pyarrow would load for a second to look at a list."""
    table = pa.table({"timestamp": [int(time.time())], "x": [1.5], "c": ["a"]})
    pyarrow.csv.write_csv(table, tmp_path / "a.csv")
    pq.write_table(table, tmp_path / "b.parquet")
    with pa.OSFile(str(tmp_path / "c.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    script = (
        "import atexit, sys; atexit.register(lambda: print('pandas' in sys.modules)); "
        "from app.cli.main import main; main()"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, "batch", "send", str(tmp_path), "--model", model, "--url", harbour.url],
        env=environment(harbour.data_dir),
        capture_output=True,
        text=True,
        timeout=110,
        check=True,
    )
    receipt, loaded = found.stdout.splitlines()
    assert json.loads(receipt)["rows"]["accepted"] == 3
    assert loaded == "False"
