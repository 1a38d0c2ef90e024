"""`driftgauge config`: the settings in force."""

import json
import os

import typer

from app.settings import Settings, unknown_variables


def config() -> None:
    """Print every effective setting as JSON, and warn of variables that are none."""
    for name, nearest in unknown_variables(os.environ):
        typer.echo(f"driftgauge: {name} is no setting; the nearest one is {nearest}", err=True)
    typer.echo(json.dumps(Settings().model_dump(mode="json", exclude={"database_url"}), indent=2))
