"""`driftgauge batch`: rows from files to a running service."""

import json
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.progress import Progress

from app.cli.bar import byte_bar
from app.cli.client import Client
from app.cli.dispatch import CONNECTIONS, Dispatch
from app.cli.importers.forms import Form, files_of, parcels
from app.cli.importers.schema import Schema
from app.cli.parcels import Parcel
from app.errors import Problem
from app.start import without

app = typer.Typer(no_args_is_help=True, help="Send rows from files.")
COUNTS = ("received", "accepted", "late", "future", "rejected")


@app.callback()
def batch() -> None:
    """Send rows from files."""


@dataclass(slots=True)
class Sent:
    """What became of the rows of some files; conflicts are batches whose ids were used for other rows before."""

    batches: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rows: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(COUNTS, 0)))

    def add(self, parcel: Parcel, receipt: dict[str, Any] | None) -> None:
        """Count a parcel; a batch that was counted before counts among the file's rows like any other."""
        self.rows.update({"received": parcel.refused, "rejected": parcel.refused})
        if receipt is not None:
            self.batches += 1
            self.duplicates += bool(receipt["duplicate"])
            self.rows.update({name: receipt["rows"][name] for name in COUNTS})
        elif parcel.body is not None:
            self.conflicts += 1


@app.command()
def send(  # noqa: PLR0913, PLR0917 - what a sender may say
    files: Annotated[
        list[Path],
        typer.Argument(
            exists=True, readable=True, metavar="FILE...", help="Parquet, Arrow, CSV, NDJSON, JSON; folders."
        ),
    ],
    model: Annotated[str, typer.Option(help="Name of the model.")],
    url: Annotated[str, typer.Option(help="Where the service answers.")] = "http://127.0.0.1:8080",
    key: Annotated[str | None, typer.Option(help="API key.")] = None,
    version: Annotated[str | None, typer.Option(help="Version that served the rows.")] = None,
    format_: Annotated[Form, typer.Option("--format", help="What wrote the files; auto looks into them.")] = Form.AUTO,
    backfill: Annotated[bool, typer.Option("--backfill", help="History: no row is too late.")] = False,
) -> None:
    """Send files of any size in batches; run it again after any interruption, nothing counts twice."""
    found = files_of(files)
    total = sum(file.stat().st_size for file in found)
    sent = Sent()
    console = Console(stderr=True)
    unread: set[Path] = set()

    def failed(file: Path, problem: Problem) -> None:
        if len(found) == 1:
            raise problem
        unread.add(file)
        console.print(f"{file}: {problem.code}: {problem.detail}", markup=False)

    with without("pandas"), byte_bar(console) as bar, ExitStack() as stack:
        task = bar.add_task(found[0].name if len(found) == 1 else f"{len(found)} files", total=total)
        clients = [stack.enter_context(_client(url, key, bar)) for _ in range(CONNECTIONS)]
        asking, path = stack.enter_context(_client(url, key, bar)), f"/v1/models/{quote(model, safe='')}"
        dispatch = Dispatch(clients, model=model, version=version, backfill=backfill)
        made = parcels(
            found,
            format_,
            lambda: Schema.of(asking.call("GET", path)),
            read=lambda read: bar.update(task, completed=read),
            failed=failed,
        )
        for parcel, answer in dispatch.send(made):
            if isinstance(answer, Problem):
                failed(parcel.path, answer)
            else:
                sent.add(parcel, answer)
        bar.update(task, completed=total)
    typer.echo(json.dumps({"batches": sent.batches, "duplicates": sent.duplicates, "rows": sent.rows}))
    if sent.conflicts:
        console.print(f"{sent.conflicts} batches were sent before with other rows, which still count.")
    if sent.rows["late"] and not backfill:
        console.print(f"{sent.rows['late']} rows came too late for their windows; --backfill takes rows of any age.")
    if not found:
        console.print("There are no files of rows; those in folders are told by their names, or else by their bytes.")
    if unread:
        console.print(f"{len(unread)} of {len(found)} files could not be read to their end, or were refused.")
        raise typer.Exit(1)


def _client(url: str, key: str | None, bar: Progress) -> Client:
    return Client(url, key=key, waiting=lambda why: bar.console.print(f"waiting: {why}", markup=False))
