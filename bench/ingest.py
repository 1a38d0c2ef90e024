"""Speed of ingest, each line beside its yardstick of the same run: `python bench/ingest.py [--full] [--only WORD]`.

The service has the first core to itself, Postgres and the clients have the others; yardsticks run on that first core.
A baseline is made with all cores.
`committed` is what one service process acknowledged after COMMIT, `per CPU s` the same for each second of processor
time that it took, `alone` decodes and counts in one thread without a service. A format and its yardsticks are run in
turns, each as many times as it manages, so that all have the same of a machine that is not always as fast. `--full`
makes the baseline from 5 GB instead of 1 GB.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Final

import numpy as np
import pyarrow as pa
from feeds.bodies import ARROW, JSON, OCTETS, Feed, arrow, feeds, names_of, tensor_of
from feeds.history import baseline
from feeds.host import OTHER_CORES, SERVICE_CORES, Host, peer, service, told
from feeds.load import post, put, rate
from fill import Doubles, best, fitted, spoiled

from app.drift.baseline import Baseline, BinnedFeature
from app.drift.columns import Column, NumericColumn
from app.drift.counting import count
from app.wire.decode import decode
from app.wire.values import numeric

ROWS: Final = 1000
FEATURES: Final = 100
WIDE: Final = 2000
SECONDS: Final = 4.0
TURNS: Final = 4
READER_SECONDS: Final = 0.3
CLIENTS: Final = 4
SMALL_CLIENTS: Final = 64
PASSES: Final = 20
MILLION: Final = 1e6
GB: Final = 10**9

JSON_TYPE: Final = {"Content-Type": JSON}


def learnt(rng: np.random.Generator, features: int) -> Baseline:
    """A baseline whose features all have edges of their own."""
    parts = [fitted(rng.normal(size=5000)).features[0] for _ in range(features)]
    named = [
        BinnedFeature(name, part.kind, part.role, part.bins)
        for name, part in zip(names_of(features), parts, strict=True)
    ]
    return Baseline.of(named, np.zeros(sum(part.bins.size for part in parts), np.int64), 0)


def alone(feed: Feed, reference: Baseline, rows: int) -> Callable[[], object]:
    """Bytes to counts, without a service."""
    window = np.zeros(rows, np.int64)

    def work() -> object:
        table = decode(feed.body, feed.kind)
        columns: dict[str, Column] = {name: numeric(table.columns[name], text=table.text) for name in table.columns}
        return count(reference, columns, window, 1)

    return work


def sustained(work: Callable[[], object], seconds: float) -> float:
    """Passes a second on the core of the service."""
    os.sched_setaffinity(0, SERVICE_CORES)
    try:
        began, passes = time.perf_counter(), 0
        while time.perf_counter() < began + seconds:
            work()
            passes += 1
        return passes / (time.perf_counter() - began)
    finally:
        os.sched_setaffinity(0, OTHER_CORES)


def on_first_core(work: Callable[[], object]) -> float:
    """Seconds of the fastest pass on the core of the service."""
    os.sched_setaffinity(0, SERVICE_CORES)
    try:
        return best(work, passes=PASSES)
    finally:
        os.sched_setaffinity(0, OTHER_CORES)


def make_model(host: Host, name: str, block: Doubles) -> None:
    """Create a model and its baseline from a table of numbers."""
    host.good("PUT", f"/v1/models/{name}", b'{"window":"1h"}', **JSON_TYPE)
    body = arrow(pa.table({column: block[:, f] for f, column in enumerate(names_of(block.shape[1]))}))
    host.good("POST", f"/v1/models/{name}/baselines?activate=true", body, **{"Content-Type": ARROW})


def committed(host: Host, model: str, feed: Feed, cells: int, *, seconds: float = SECONDS) -> tuple[float, float]:
    """Million values a second that the service acknowledged, and a second of its processor time."""
    head = put(f"/v1/models/{model}/batches", feed.kind, f"{feed.name.replace(' ', '-')}-{time.monotonic_ns()}")
    pace = rate(host, head, feed.body, clients=CLIENTS, seconds=seconds)
    return pace.requests * cells / MILLION, cells / max(pace.processor_s, 1e-9) / MILLION


def compared(host: Host, feed: Feed, cells: int) -> tuple[float, float, dict[str, float]]:
    """What `committed` gives, and million values a second of each reader, all in turns."""
    turns = []
    for _ in range(TURNS):
        ours = committed(host, "wide100", feed, cells, seconds=SECONDS / TURNS)
        turns.append((*ours, {name: sustained(read, READER_SECONDS) for name, read in feed.readers.items()}))
    speeds, paid, readers = zip(*turns, strict=True)
    others = {name: mean(turn[name] for turn in readers) * cells / MILLION for name in feed.readers}
    return mean(speeds), mean(paid), others


def formats(host: Host, rng: np.random.Generator) -> dict[str, float]:
    """Every format at 1,000 x 100; gives the speed of each."""
    block = rng.normal(size=(ROWS, FEATURES))
    make_model(host, "wide100", rng.normal(size=(5000, FEATURES)))
    reference = learnt(rng, FEATURES)
    heads = f"{'1,000 x 100':14s}{'committed':>10s}{'per CPU s':>10s}{'alone':>8s}{'yardstick':>11s}"
    print(f"{heads}   M values/s; ratio of the first to the last, bar")
    speeds: dict[str, float] = {}
    for feed in feeds(block):
        ours, paid, others = compared(host, feed, block.size)
        bare = block.size / on_first_core(alone(feed, reference, ROWS)) / MILLION
        speeds[feed.name] = ours
        if not others:
            print(f"{feed.name:14s}{ours:10.1f}{paid:10.1f}{bare:8.1f}{'':11s}   bar 50")
            continue
        fastest = max(others, key=others.__getitem__)
        shown = ", ".join(f"{name} {speed:.1f}" for name, speed in others.items())
        bar = "" if feed.name == "Parquet" else "  bar 0.65"
        line = f"{feed.name:14s}{ours:10.1f}{paid:10.1f}{bare:8.1f}{others[fastest]:11.1f}"
        print(f"{line}   {ours / others[fastest]:.2f}{bar}  {shown}")
    tensor = committed_tensor(host, "wide100", block)
    print(f"{'KServe v2 bin.':14s}{tensor:10.1f}{'':29s}   {tensor / speeds['Arrow']:.2f} of Arrow, bar 0.5")
    return speeds


def committed_tensor(host: Host, model: str, block: Doubles) -> float:
    """Million values a second of mirrored inference requests, one binary tensor of shape (rows, features) each."""
    body, length = tensor_of(block)
    run = time.monotonic_ns()

    def head(n: int) -> str:
        lines = (f"POST /v2/models/{model}/infer HTTP/1.1", "Host: localhost", f"X-Request-Id: {run}-{n}")
        return "\r\n".join([*lines, f"Inference-Header-Content-Length: {length}", f"Content-Type: {OCTETS}", ""])

    return rate(host, head, body, clients=CLIENTS, seconds=SECONDS).requests * block.size / MILLION


def wide(host: Host, rng: np.random.Generator, narrow: dict[str, float]) -> None:
    """2,000 features at once, as many values in a body as a body may hold."""
    block = rng.normal(size=(ROWS, WIDE))
    make_model(host, "wide2000", rng.normal(size=(2000, WIDE)))
    for feed in feeds(block[:400])[:2]:
        speed, paid = committed(host, "wide2000", feed, 400 * WIDE)
        beside = f"; {speed / narrow[feed.name]:.2f} of 100 features" if feed.name in narrow else ""
        print(f"400 x 2,000 {feed.name}: {speed:.1f} M values/s, {paid:.1f} a CPU second{beside}")


def small(host: Host, rng: np.random.Generator) -> None:
    """One row of 20 features a request."""
    make_model(host, "small", rng.normal(size=(5000, 20)))
    body = json.dumps({"rows": [dict(zip(names_of(20), rng.normal(size=20).tolist(), strict=True))]}).encode()
    head = put("/v1/models/small/batches", JSON, f"small-{time.monotonic_ns()}")
    pace = rate(host, head, body, clients=SMALL_CLIENTS, seconds=SECONDS)
    paid = 1 / max(pace.processor_s, 1e-9)
    print(f"1 row x 20 features: {pace.requests:,.0f} requests/s committed, {paid:,.0f} a CPU second; bar 2,500")


def kernel(rng: np.random.Generator) -> None:
    """Counting alone, with values that are no numbers."""
    values = spoiled(rng.normal(size=4_000_000), rng, 0.01)
    reference = fitted(values)
    window = np.zeros(len(values), np.int64)
    took = on_first_core(lambda: count(reference, {"x": NumericColumn(values)}, window, 1))
    limit = on_first_core(np.nan_to_num(values).sum)
    speed = len(values) / took / MILLION
    print(f"fill, 1 % NaN and inf: {speed:.0f} M values/s (np.sum {len(values) / limit / MILLION:.0f}); bar 150")


def peers(rng: np.random.Generator) -> None:
    """The same rows elsewhere."""
    block = rng.normal(size=(ROWS, FEATURES))
    body = feeds(block)[2].body
    with peer(Path(__file__).parent / "feeds" / "plain.py") as host:
        speed = rate(host, post("/rows", JSON), body, clients=CLIENTS, seconds=SECONDS).requests
    print(f"FastAPI + pydantic, JSON rows, nothing stored: {speed * block.size / MILLION:.2f} M values/s")
    python = Path(sys.prefix) / "peers" / "bin" / "python"
    if not python.exists():
        print("whylogs is not installed here (make .venv/.peers)")
        return
    found = told(python, "profiled.py", ROWS, FEATURES, PASSES)
    print(f"whylogs.log of the ready table, nothing stored: {found / MILLION:.2f} M values/s")


def history(host: Host, rng: np.random.Generator, *, size: int) -> None:
    """A baseline from a file."""
    seconds, peak, rows = baseline(host, size=size, rng=rng)
    speed = size / seconds / MILLION
    made = f"baseline of {size / GB:.1f} GB CSV, {rows:,} rows"
    print(f"{made}: {speed:.0f} MB/s (bar 100), peak {peak:.0f} MiB (bar 512)")


def main() -> None:
    """Print every line, or those of one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="make the baseline from 5 GB")
    parser.add_argument("--only", choices=["formats", "wide", "small", "kernel", "baseline", "peers"])
    chosen = parser.parse_args()
    rng = np.random.default_rng(20260101)
    os.environ.setdefault("POLARS_MAX_THREADS", "1")

    def wanted(word: str) -> bool:
        return chosen.only in {None, word}

    if wanted("kernel"):
        kernel(rng)
    with service(max_inflight_bytes=str(256 << 20)) as host:
        narrow = formats(host, rng) if wanted("formats") else {}
        if wanted("wide"):
            wide(host, rng, narrow)
        if wanted("small"):
            small(host, rng)
    if wanted("baseline"):
        with service() as host:
            host.spread()
            history(host, rng, size=(5 if chosen.full else 1) * GB)
    if wanted("peers"):
        peers(rng)


if __name__ == "__main__":
    main()
