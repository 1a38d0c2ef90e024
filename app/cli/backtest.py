"""`driftgauge backtest`: what would have alerted, as a table and a timeline."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from app.cli.opened import opened
from app.monitor.backtest import backtest as replayed
from app.monitor.backtest import question
from app.monitor.configuration import LARGEST_BUDGET

WIDTH = 48


def backtest(  # noqa: PLR0913, PLR0917 - an option each
    model: Annotated[str, typer.Option(help="Name of the model.")],
    from_: Annotated[str | None, typer.Option("--from", help="First window start, inclusive.")] = None,
    to: Annotated[str | None, typer.Option(help="Last window start, exclusive.")] = None,
    budget: Annotated[float | None, typer.Option(help="Pages a month to try.")] = None,
    threshold: Annotated[
        list[str] | None, typer.Option(help="A fixed critical line to try, e.g. psi=0.25; may be repeated.")
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="1d or 1w: replay local days or weeks in place of windows.")
    ] = None,
) -> None:
    """Replay the stored windows under a budget or fixed lines; nothing is changed."""
    if budget is not None and not 0.0 < budget <= LARGEST_BUDGET:
        raise typer.BadParameter(f"a budget is more than 0 and at most {LARGEST_BUDGET:g} pages a month")
    asked = question(
        {
            "from": from_,
            "to": to,
            "alert_budget": None if budget is None else {"pages_per_month": budget},
            "thresholds": [_threshold(one) for one in threshold or ()],
            "window": window,
        }
    )
    with opened() as service:
        answer = replayed(service, service.catalog.watched(model), asked)
    console = Console(width=max(Console().width, 100))
    console.print(_table(answer))
    console.print(f"{answer['from']} to {answer['to']}")
    expected, observed = answer["expected_pages_per_month"], answer["observed_pages_per_month"]
    console.print(f"pages a month: budget {expected:g}, would have been {observed:.2f}")


def _threshold(text: str) -> dict[str, Any]:
    statistic, _, value = text.partition("=")
    try:
        line = float(value)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not STATISTIC=VALUE") from error
    return {"statistic": statistic, "critical": {"mode": "fixed", "value": line}}


def _table(answer: Mapping[str, Any]) -> Table:
    table = Table(title="What would have alerted")
    for name in ("feature", "windows", "firings", "in alarm"):
        table.add_column(name, justify="left" if name == "feature" else "right", no_wrap=True)
    table.add_column("timeline", no_wrap=True)
    first, last = _instant(answer["from"]), _instant(answer["to"])
    for name, row in answer["features"].items():
        table.add_row(
            name or "(volume)",
            str(row["windows"]),
            str(row["firings"]),
            f"{row['time_in_alarm']:.1%}",
            timeline(row["episodes"], first, last),
        )
    return table


def timeline(episodes: Sequence[Mapping[str, Any]], first: float, last: float) -> str:
    """Draw episodes between two instants as a line of `WIDTH` marks."""
    marks = ["·"] * WIDTH
    for episode in episodes:
        begin = _instant(episode["start"])
        end = last if episode["end"] is None else _instant(episode["end"])
        low, high = (int((moment - first) / max(last - first, 1.0) * WIDTH) for moment in (begin, end))
        for mark in range(max(low, 0), min(max(high, low + 1), WIDTH)):
            marks[mark] = "█"
    return "".join(marks)


def _instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
