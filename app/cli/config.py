"""`driftgauge config`: the settings in force."""

import json

import typer

from app.settings import Settings


def config() -> None:
    """Print every effective setting as JSON."""
    typer.echo(json.dumps(Settings().model_dump(mode="json", exclude={"database_url"}), indent=2))
