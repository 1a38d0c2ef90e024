"""`driftgauge`: the command and its sub-commands."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Final

import typer
from pydantic_core import ValidationError

from app import __version__
from app.errors import ConfigurationError, DatabaseAbsentError, Problem
from app.start import uncollected, without

EX_CONFIG = 78
EX_UNAVAILABLE = 69

COMMANDS: Final[Mapping[str, str]] = {
    "serve": "app.cli.serve:serve",
    "demo": "app.cli.demo.run:demo",
    "baseline": "app.cli.baseline:app",
    "batch": "app.cli.batch:app",
    "key": "app.cli.key:app",
    "migrate": "app.cli.inspect:migrate",
    "config": "app.cli.config:config",
    "rules": "app.cli.rules:rules",
    "evaluate": "app.cli.inspect:evaluate",
    "status": "app.cli.inspect:status",
    "backtest": "app.cli.backtest:backtest",
    "expectations": "app.cli.expectations:app",
}
UNUSED: Final[Mapping[str, Sequence[str]]] = {"serve": ("pydantic.v1", "rich")}
"""What libraries load only to see whether somebody uses it."""


def root(version: bool = typer.Option(default=False, help="Print the version and exit.")) -> None:
    """Watch models in production for covariate shift."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


def program(arguments: Sequence[str]) -> typer.Typer:
    """Build the command for these arguments; only a sub-command that is asked for is imported, for help all are."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback(invoke_without_command=True)(root)
    word = next((one for one in arguments if not one.startswith("-")), None)
    for name in wanted(word, arguments):
        module, _, attribute = COMMANDS[name].partition(":")
        with uncollected(), without(*UNUSED.get(name, ())):
            found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def wanted(word: str | None, arguments: Sequence[str]) -> list[str]:
    """Name the sub-commands that have to be known."""
    if word is not None and word in COMMANDS:
        return [word]
    return [] if "--version" in arguments else list(COMMANDS)


def main(run: Callable[[], None] | None = None) -> None:
    """Run the command; 78 for a configuration error, 69 without a database."""
    try:
        (run or program(sys.argv[1:]))()
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
