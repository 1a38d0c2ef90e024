"""`driftgauge baseline`: references from files."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.cli.bar import byte_bar
from app.cli.opened import COMMAND_LINE, opened
from app.errors import NotFound
from app.monitor import models, promotion, references

app = typer.Typer(no_args_is_help=True, help="Make and list baselines.")
Model = Annotated[str, typer.Option(help="Name of the model.")]


@app.command()
def create(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="Parquet, CSV or NDJSON.")],
    model: Model,
    activate: Annotated[bool, typer.Option(help="Let it hold from the next window on.")] = True,
) -> None:
    """Make a baseline from a file of any size; the model is made first if it is missing."""
    with opened() as service:
        try:
            service.catalog.watched(model, fresh=True)
        except NotFound:
            models.put_model(service, model, {}, author=COMMAND_LINE)
        with byte_bar(Console(stderr=True)) as bar:
            task = bar.add_task(file.name, total=file.stat().st_size)
            made = promotion.create_from_file(
                service,
                model,
                file,
                content_type=None,
                activate=activate,
                author=COMMAND_LINE,
                progress=lambda read: bar.update(task, completed=read),
            )
    typer.echo(json.dumps(made, ensure_ascii=False))


@app.command(name="list")
def list_(model: Model) -> None:
    """List a model's baselines."""
    with opened() as service:
        for one in references.listed(service, service.catalog.watched(model)):
            typer.echo(json.dumps(one, ensure_ascii=False))
