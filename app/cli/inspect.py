"""Commands that look at a service or do one round of its work."""

import json
from typing import Annotated

import typer

from app.cli.opened import opened
from app.monitor import evaluate as evaluation
from app.monitor import status as standing
from app.monitor.instants import read_instant
from app.monitor.terms import period_of

Model = Annotated[str, typer.Option(help="Name of the model.")]


def migrate() -> None:
    """Bring the database schema to the newest version."""
    with opened():
        typer.echo("the schema is at its newest version")


def evaluate(
    model: Model,
    from_: Annotated[str | None, typer.Option("--from", help="First window start, inclusive.")] = None,
    to: Annotated[str | None, typer.Option(help="Last window start, exclusive.")] = None,
) -> None:
    """Score the closed windows of a range now."""
    with opened() as service:
        done = evaluation.evaluate_now(
            service,
            service.catalog.watched(model),
            from_us=None if from_ is None else read_instant(from_, "--from"),
            to_us=None if to is None else read_instant(to, "--to"),
        )
    typer.echo(json.dumps({"windows": done.windows, "scores": done.scores}))


def status(
    model: Model,
    window: Annotated[
        str | None, typer.Option(help="1d or 1w: only where features stood after the last local day or week.")
    ] = None,
) -> None:
    """Print the state of every feature."""
    with opened() as service:
        watched = service.catalog.watched(model)
        period = period_of(watched, window)
        told = standing.document(service, watched) if period is None else standing.rolled(service, watched, period)
        typer.echo(json.dumps(told, indent=2))
