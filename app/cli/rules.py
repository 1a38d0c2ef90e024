"""`driftgauge rules`: what Prometheus should watch."""

from typing import Annotated

import typer

from app.metrics import rules as prometheus


def rules(
    url: Annotated[str | None, typer.Option(help="Where people reach the service, for links in alerts.")] = None,
) -> None:
    """Print the Prometheus recording and alerting rules."""
    typer.echo(prometheus.text(url), nl=False)
