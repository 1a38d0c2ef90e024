"""Play a model that drifts and draw every dashboard: `PYTHONPATH=tests python bench/dashboards.py FOLDER`.

Twenty minutes of three models on two replicas, with a null storm, a change of unit, a new country, a slow network and a
version that falls silent; then one PNG a dashboard in the folder.
"""

import json
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from panels.draw import Sources, answered, bundled, shoot

from app.storage.embedded import EmbeddedPostgres
from scene import PATH, Fault, Feed, Scene, scene

WINDOW_US: Final = 10_000_000
MINUTES: Final = 20
SILENT_AFTER_S: Final = 1150
FAULTS: Final = (
    Fault("null storm", 180, 270),
    Fault("unit change", 480, 560),
    Fault("new country", 760, 820),
    Fault("slow network", 1000, 1080),
)
CALM: Final = {"ranking": 240, "churn": 20}
"""Models beside the one that drifts, and the windows of their baselines: the second has too few."""
PICTURES: Final[dict[str, tuple[list[str], float, dict[str, str]]]] = {
    "fleet": ([], 0, {}),
    "model": (["Evidence by feature", "PSI", "KS", "Nulls", "Unseen", "Invalid"], 0, {"model": "payments"}),
    "feature": (
        [
            *("Evidence, of its line", "Likely cause", "PSI, of its line", "KS, of its line", "Nulls", "Scored"),
            *("$feature: baseline and newest window", "Bins that moved", "Bins over time"),
        ],
        SILENT_AFTER_S / 60 + 1 - 9,
        {"model": "payments", "version": "default", "feature": "amount"},
    ),
    "service": ([], 0, {}),
}
"""For each dashboard: the panels to draw, all if none is named; how many minutes before the end; variables."""


def play(stage: Scene) -> None:
    """Post what the sidecars of three models post, second by second, and some requests that go wrong."""
    client = stage.replicas[0].client
    feeds = {name: Feed(seed=number) for number, name in enumerate(CALM, start=5)}
    end = time.time_ns() // 1000 // WINDOW_US * WINDOW_US
    for name, feed in feeds.items():
        client.put(f"/v1/models/{name}", json={"window": "10s", "late_horizon": "1h"}).raise_for_status()
        body = feed.reference(end, windows=CALM[name], window_us=WINDOW_US, rows=60)
        kind = {"Content-Type": "application/json"}
        client.post(f"/v1/models/{name}/baselines?activate=true", content=body, headers=kind).raise_for_status()
    second = 0
    while time.time() < stage.started_s + SILENT_AFTER_S + 60:
        began, second = time.time(), second + 1
        stage.post(rows=50).raise_for_status()
        if began < stage.started_s + SILENT_AFTER_S:
            stage.post(rows=50, version="canary", form="ndjson").raise_for_status()
        if second % 7 == 0:
            stage.post(rows=3, late=True)
        if second % 9 == 0:
            client.put("/v1/models/nobody/batches/1", json={"rows": []})
        if second % 11 == 0:
            client.put(f"{PATH}/batches/x{second}", content=b"{not json")
        for name, feed in feeds.items():
            times = [time.time_ns() // 1000 - place * 100_000 for place in range(6)]
            client.post(f"/v1/models/{name}/batches", json={"columns": feed.columns(times)}).raise_for_status()
        time.sleep(max(0.0, 1 - (time.time() - began)))


def main(folder: Path) -> None:
    """Play, then draw."""
    with ExitStack() as stack:
        script = bundled(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="driftgauge-panels-"))))
        feed = Feed(faults=FAULTS)
        stage = stack.enter_context(scene(feed, window="10s", window_us=WINDOW_US, rows=500, interval="2s"))
        database = stack.enter_context(EmbeddedPostgres(stage.replicas[0].data_dir))
        play(stage)
        last = time.time()
        for board, (titles, ago, chosen) in PICTURES.items():
            variables = {"version": ".*", "feature": ".*", "instance": ".*", "service": "", "baseline": "1"} | chosen
            end = last - ago * 60
            sources = Sources(stage.prometheus.url, database.url, span=(end - (MINUTES - ago) * 60, end))
            shoot(script, answered(board, sources, variables, titles), folder.absolute() / f"dashboard-{board}.png")
            print(json.dumps({"drawn": board}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
