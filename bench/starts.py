"""How long a killed service takes to be ready again, how much of it computing, and what it holds when it is idle.

The yardstick of the same run: the interpreter alone, and a process that imports FastAPI, SQLAlchemy and numpy.
"""

import contextlib
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from app.storage.embedded import EmbeddedPostgres
from app.storage.migrate import migrate

STARTS = 20
STOPS = 5
IDLE_S = 8.0
LIBRARIES = "import fastapi, sqlalchemy.dialects.postgresql.psycopg, numpy, uvicorn"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that is at least as large as this share of them."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


@contextmanager
def serving(url: str, data_dir: str) -> Iterator[tuple[psutil.Process, int, float]]:
    """A service on a database, killed in the end: the process, its port, and when it was started."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTGAUGE_")}
    environment |= {"DRIFTGAUGE_DATABASE_URL": url, "DRIFTGAUGE_DATA_DIR": data_dir}
    program = [str(Path(sys.executable).with_name("driftgauge")), "serve", "--port", "0"]
    began = time.monotonic()
    with subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise OSError("no standard output")
        try:
            port = int(process.stdout.readline().rsplit(":", 1)[1].strip(" }\n"))
            yield psutil.Process(process.pid), port, began
        finally:
            process.kill()


def start(url: str, data_dir: str) -> tuple[float, float]:
    """Seconds from the start of the program to its first ready answer, and processor seconds of it."""
    with serving(url, data_dir) as (process, port, began):
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}/readyz").is_success:
                    return time.monotonic() - began, sum(process.cpu_times()[:2])


def stop(url: str, data_dir: str) -> float:
    """Seconds that an idle service takes to end on SIGTERM."""
    with serving(url, data_dir) as (process, port, _), httpx.Client(base_url=f"http://127.0.0.1:{port}") as kept:
        kept.get("/readyz").raise_for_status()
        began = time.monotonic()
        process.terminate()
        process.wait(60)
        return time.monotonic() - began


def run(statement: str) -> float:
    """Processor seconds of a Python process that does this alone."""
    with subprocess.Popen([sys.executable, "-c", statement]) as process:
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print seconds and MiB."""
    starts = int(sys.argv[1]) if len(sys.argv) > 1 else STARTS
    with tempfile.TemporaryDirectory(prefix="dg-starts-") as folder, EmbeddedPostgres(Path(folder) / "data") as server:
        migrate(server.url)
        taken = [start(server.url, folder) for _ in range(starts)]
        stops = [stop(server.url, folder) for _ in range(STOPS)]
        with serving(server.url, folder) as (process, _, _):
            time.sleep(IDLE_S)
            idle = process.memory_info().rss / 2**20
    walls, efforts = zip(*taken, strict=True)
    print(f"{starts} starts, seconds                        p50      p95")
    print(f"program started to first ready answer    {percentile(walls, 0.5):8.2f} {percentile(walls, 0.95):8.2f}")
    print(f"processor time of it                     {percentile(efforts, 0.5):8.2f} {percentile(efforts, 0.95):8.2f}")
    print(f"SIGTERM to exit, idle                    {percentile(stops, 0.5):8.2f} {max(stops):8.2f}")
    print(f"yardstick: python alone                  {min(run('pass') for _ in range(3)):8.2f}")
    print(f"yardstick: importing its libraries alone {min(run(LIBRARIES) for _ in range(3)):8.2f}")
    print(f"memory when idle, MiB                    {idle:8.0f}")


if __name__ == "__main__":
    main()
