"""`driftgauge rules`: what Prometheus should watch."""

from typing import Annotated

import typer

from app.metrics import rules as prometheus


def rules(
    url: Annotated[
        str | None, typer.Option(help="Where people reach the service; links start with it, its models are told.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="API key, to list the models.")] = None,
) -> None:
    """Print the Prometheus recording and alerting rules."""
    typer.echo(prometheus.text(url, budgets={} if url is None else _budgets(url, key)), nl=False)


def _budgets(url: str, key: str | None) -> dict[str, float]:
    """Ask the service for its models and their pages a month; the rules stand without them."""
    from app.cli.client import Client  # noqa: PLC0415 - printing alone needs none
    from app.errors import Problem  # noqa: PLC0415 - as above

    try:
        with Client(url, key=key) as client:
            models = client.call("GET", "/v1/models", once=True)
    except Problem as problem:
        typer.echo(f"the models are not told: {problem}", err=True)
        return {}
    return {model["name"]: float(model["alert_budget"]["pages_per_month"]) for model in models}
