"""`driftgauge batch`: rows from files to a running service."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.progress import Progress

from app.cli.bar import byte_bar
from app.cli.client import Client
from app.cli.parcels import parcels

app = typer.Typer(no_args_is_help=True, help="Send rows from files.")
COUNTS = ("received", "accepted", "late", "future", "rejected")


@app.callback()
def batch() -> None:
    """Send rows from files."""


@dataclass(slots=True)
class Sent:
    """What became of the rows of a file."""

    batches: int = 0
    duplicates: int = 0
    rows: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(COUNTS, 0)))

    def add(self, receipt: dict[str, Any]) -> None:
        """Count one receipt; a batch that was counted before counts among the file's rows like any other."""
        self.batches += 1
        self.duplicates += bool(receipt["duplicate"])
        self.rows.update({name: receipt["rows"][name] for name in COUNTS})

    def refuse(self, rows: int) -> None:
        """Count rows that could not be read from the file."""
        self.rows.update({"received": rows, "rejected": rows})


@app.command()
def send(  # noqa: PLR0913, PLR0917 - what a sender may say
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="Parquet, Arrow, CSV, NDJSON or JSON.")
    ],
    model: Annotated[str, typer.Option(help="Name of the model.")],
    url: Annotated[str, typer.Option(help="Where the service answers.")] = "http://127.0.0.1:8080",
    key: Annotated[str | None, typer.Option(help="API key.")] = None,
    version: Annotated[str | None, typer.Option(help="Version that served the rows.")] = None,
    backfill: Annotated[bool, typer.Option("--backfill", help="History: no row is too late.")] = False,
) -> None:
    """Send a file of any size in batches; run it again after any interruption, nothing counts twice."""
    query = ({"version": version} if version else {}) | ({"backfill": "true"} if backfill else {})
    folder = f"/v1/models/{quote(model, safe='')}/batches"
    sent = Sent()
    console = Console(stderr=True)
    with byte_bar(console) as bar, _client(url, key, bar) as client:
        task = bar.add_task(file.name, total=file.stat().st_size)
        for parcel in parcels(file, read=lambda read: bar.update(task, completed=read)):
            sent.refuse(parcel.refused)
            if parcel.body is not None:
                sent.add(client.call("PUT", f"{folder}/{parcel.id}", query=query, body=parcel.body))
        bar.update(task, completed=file.stat().st_size)
    typer.echo(json.dumps({"batches": sent.batches, "duplicates": sent.duplicates, "rows": sent.rows}))
    if sent.rows["late"] and not backfill:
        console.print(f"{sent.rows['late']} rows came too late for their windows; --backfill takes rows of any age.")


def _client(url: str, key: str | None, bar: Progress) -> Client:
    return Client(url, key=key, waiting=lambda why: bar.console.print(f"waiting: {why}", markup=False))
