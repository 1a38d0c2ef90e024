"""The demonstration from start to end."""

import os
import signal
import time
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.cli.client import Client
from app.cli.demo import data, replay
from app.cli.demo.process import Serving
from app.cli.demo.table import lines, rendered
from app.cli.ending import Ending
from app.settings import Settings

FOLDER: Final = "demo"
PAGES: Final = (
    ("every call, to try out", "/docs"),
    ("what Prometheus scrapes", "/metrics"),
    ("state of every feature", f"{replay.PATH}/status"),
    ("the unit change, scored", f"{replay.PATH}/scores?feature=distance&statistic=psi&from=2013-05-04T00:00:00Z"),
    ("and explained", f"{replay.PATH}/features/distance/explanation?window_start=2013-05-08T15:00:00Z"),
)


def demo() -> None:
    """Replay a year of flights with two injected faults, print what drifted, and leave the service running."""
    ending = Ending(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # a shell's background job ignores the first
    settings = Settings()
    console = Console()
    source = data.locate()
    began = time.monotonic()
    console.print("Starting the service and its database")
    with Serving(settings.data_dir.absolute() / FOLDER, port=settings.port, held=ending.held) as serving:
        with Client(serving.url) as client:
            watch(client, source, console)
        ending.check()
        console.print(f"\nReady after {time.monotonic() - began:.0f} s; data and log are in {serving.log.parent}\n")
        if os.environ.get("DEMO_EXIT", "0") in {"", "0"}:
            stay(serving, console)


def watch(client: Client, source: Path, console: Console) -> None:
    """Make the baseline, replay the rest of the year, wait for the scores, print the table."""
    with _bar(console) as bar:
        reading = bar.add_task("Reading the flights", total=1)
        table = data.flights(source)
        replayed_from = pa.scalar(replay.REPLAY_FROM, pa.date32()).cast(table.schema.field(data.TIME).type)
        early = pc.less(table.column(data.TIME), replayed_from)
        bar.update(reading, completed=1)
        making = bar.add_task("January and February: the baseline", total=1)
        replay.reference(client, table.filter(early))
        bar.update(making, completed=1)
        rest = table.filter(pc.invert(early))
        sending = bar.add_task("March to December: rows", total=rest.num_rows)
        known = replay.replay(client, rest, sent=lambda rows: bar.advance(sending, rows))
        scoring = bar.add_task("Windows of three hours scored", total=None)
        replay.scored(client, seen=lambda done, total: bar.update(scoring, completed=done, total=total))
    if known:
        console.print(f"{known} days had been counted before: sent again, counted once")
    found = lines(replay.episodes(client), ZoneInfo(data.ZONE))
    console.print()
    console.print(rendered(found))


def stay(serving: Serving, console: Console) -> None:
    """Show where to look, and wait for Ctrl-C."""
    for what, path in PAGES:
        console.print(f"  {what:<24} {serving.url}{path}", soft_wrap=True, highlight=False)
    console.print("\nThe service is running; Ctrl-C stops it and its database.")
    try:
        serving.wait()
    except KeyboardInterrupt:
        console.print("Stopping")


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
