"""`driftgauge`: the command and its sub-commands."""

import sys
from collections.abc import Callable

import typer
from pydantic import ValidationError

from app import __version__
from app.cli import baseline, batch, inspect, key, serve
from app.cli.backtest import backtest
from app.cli.demo.run import demo
from app.errors import ConfigurationError, DatabaseAbsentError, Problem

EX_CONFIG = 78
EX_UNAVAILABLE = 69

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(serve.serve)
app.command()(demo)
app.add_typer(baseline.app, name="baseline", help="Make and list baselines.")
app.add_typer(batch.app, name="batch", help="Send rows from files.")
app.add_typer(key.app, name="key", help="Make, list, rotate and revoke API keys.")
for command in (inspect.migrate, inspect.config, inspect.rules, inspect.evaluate, inspect.status, backtest):
    app.command()(command)


@app.callback(invoke_without_command=True)
def root(version: bool = typer.Option(default=False, help="Print the version and exit.")) -> None:
    """Watch models in production for covariate shift."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main(run: Callable[[], None] = app) -> None:
    """Run the command; 78 for a configuration error, 69 without a database."""
    try:
        run()
    except ConfigurationError as error:
        _end(str(error), EX_CONFIG)
    except ValidationError as error:
        first = error.errors()[0]
        _end(f"DRIFTGAUGE_{str(first['loc'][0]).upper()}: {first['msg']}", EX_CONFIG)
    except DatabaseAbsentError as error:
        _end(str(error), EX_UNAVAILABLE)
    except Problem as problem:
        _end(f"{problem.code}: {problem.detail}", 1)


def _end(message: str, status: int) -> None:
    typer.echo(f"driftgauge: {message}", err=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
