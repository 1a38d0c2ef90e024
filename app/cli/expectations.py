"""`driftgauge expectations`: a suite from a baseline, and a suite tried before anybody depends on it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.cli.opened import opened
from app.errors import ConfigurationError
from app.monitor import expectations, rehearsal
from app.monitor.instants import instant_text
from app.quality.exact import Outcome
from app.quality.process import Bounds
from app.quality.suite import Expectation, Suite, read_posted
from app.settings import Settings
from app.wire.jsontext import load_json

app = typer.Typer(no_args_is_help=True, help="Write and try suites of expectations.")
File = Annotated[Path, typer.Argument(dir_okay=False, help="Suite of Great Expectations as JSON.")]


@app.command()
def init(
    file: File,
    model: Annotated[str, typer.Option(help="Name of the model.")],
    baseline: Annotated[int | None, typer.Option(help="Number of the baseline; the active one if none.")] = None,
    name: Annotated[str, typer.Option(help="Name of the suite.")] = "baseline",
    force: Annotated[bool, typer.Option(help="Write over an existing file.")] = False,
) -> None:
    """Write the suite that a baseline gives, to be read and changed by people."""
    if file.exists() and not force:
        raise ConfigurationError(f"{file} exists; --force writes over it")
    with opened() as service:
        watched = service.catalog.watched(model, fresh=True)
        suite = expectations.exported(service, watched, number=baseline, suite=name)
    file.write_text(json.dumps(suite.document(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    typer.echo(f"{file}: {len(suite.expectations)} expectations")


@app.command(name="test")
def try_out(
    file: File,
    model: Annotated[str | None, typer.Option(help="Try it on the last sampled windows of this model.")] = None,
    data: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Try it on rows: Parquet, CSV or NDJSON.")
    ] = None,
) -> None:
    """Check a suite, and run it where told; ends with 1 when an expectation is not met."""
    suite = read_posted(load_json(file.read_bytes()))
    typer.echo(f"{suite.name}: {len(suite.expectations)} expectations, all known")
    met = True
    if data is not None:
        expectations.check_installed()
        settings = Settings()
        bounds = Bounds(settings.expectation_deadline / 1e6, settings.expectation_memory)
        met = show(str(data.name), suite, rehearsal.on_file(suite, data, bounds=bounds))
    if model is not None:
        expectations.check_installed()
        with opened() as service:
            watched = service.catalog.watched(model, fresh=True)
            for start_us, version, outcomes in rehearsal.on_windows(service, watched, suite):
                met = show(f"{instant_text(start_us)} {version}", suite, outcomes) and met
    if not met:
        raise typer.Exit(1)


def show(title: str, suite: Suite, outcomes: Sequence[Outcome]) -> bool:
    """Print a table; true when every expectation is met."""
    console = Console(width=max(Console().width, 100))
    table = Table(title=title)
    for head in ("expectation", "columns", "met", "unexpected", "told by"):
        table.add_column(head, justify="right" if head == "unexpected" else "left")
    for expectation, outcome in zip(suite.expectations, outcomes, strict=True):
        table.add_row(*_cells(expectation, outcome))
    console.print(table)
    return all(outcome.success for outcome in outcomes)


def _cells(expectation: Expectation, outcome: Outcome) -> tuple[str, ...]:
    share = "" if outcome.unexpected_ratio is None else f"{outcome.unexpected_ratio:.2%}"
    told = outcome.error or ("counts" if outcome.exact else "sample")
    return expectation.type, ", ".join(expectation.columns), "yes" if outcome.success else "NO", share, told
