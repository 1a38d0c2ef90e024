"""`driftgauge key`: who may come in."""

import json
from typing import Annotated

import typer

from app.cli.opened import COMMAND_LINE, opened
from app.durations import parse_duration
from app.errors import Refused
from app.monitor import keys
from app.monitor.tokens import Token, mint

app = typer.Typer(no_args_is_help=True, help="Make, list, rotate and revoke API keys.")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def create(
    scope: Annotated[list[str], typer.Option(help="ingest, read, admin or metrics; repeat for several.")],
    model: Annotated[list[str] | None, typer.Option(help="Model it may see; repeat for several, all if none.")] = None,
    expires_in: Annotated[str | None, typer.Option(help="Life of the key, e.g. 24h; without end if none.")] = None,
    name: Annotated[str, typer.Option(help="What people call it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, once."""
    life_us = None if expires_in is None else _duration(expires_in, "--expires-in")
    with opened() as service:
        token = keys.create(
            service, scopes=scope, models=model or None, name=name, expires_in_us=life_us, author=COMMAND_LINE
        )
    _print(token, as_json=as_json)


@app.command(name="list")
def list_() -> None:
    """List the keys, one JSON object a line."""
    with opened() as service:
        for one in keys.listed(service):
            typer.echo(json.dumps(one, ensure_ascii=False))


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the key.")]) -> None:
    """End a key; every replica knows within ten seconds."""
    with opened() as service:
        keys.revoke(service, key_id, author=COMMAND_LINE)
    typer.echo(json.dumps({"id": key_id, "state": "revoked"}))


@app.command()
def rotate(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the key.")],
    overlap: Annotated[str, typer.Option(help="How long the old key still opens.")] = "24h",
    as_json: AsJson = False,
) -> None:
    """Make a key like another and print it, once; the old one ends after the overlap."""
    overlap_us = _duration(overlap, "--overlap")
    with opened() as service:
        token = keys.rotate(service, key_id, overlap_us=overlap_us, author=COMMAND_LINE)
    _print(token, as_json=as_json)


@app.command()
def generate() -> None:
    """Print a fresh key for DRIFTGAUGE_BOOTSTRAP_ADMIN_KEY_FILE; nothing is stored."""
    typer.echo(mint().text)


def _print(token: Token, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"id": token.id, "key": token.text}))
        return
    typer.echo(f"id:  {token.id}\nkey: {token.text}")
    typer.echo("It is shown only this once; send it as Authorization: Bearer KEY.", err=True)


def _duration(text: str, what: str) -> int:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise Refused("unlawful-duration", f"{what}: {error}") from error
