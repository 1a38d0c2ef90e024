"""`driftgauge serve`: one process, one replica."""

import ipaddress
import json
import os
import signal
import socket
import sys
from contextlib import ExitStack
from typing import Annotated, Any

import structlog
import typer
import uvicorn

from app import failpoints, logs
from app.api.auth import Door
from app.api.guard import GuardedProtocol, with_limits
from app.api.patience import Limits
from app.cli.ending import Ending
from app.errors import ConfigurationError
from app.main import create_app, open_door, open_service
from app.monitor import keys
from app.monitor.keyring import Scope
from app.monitor.service import Service
from app.settings import Settings, unknown_variables
from app.start import without
from app.wire.leftovers import keep_some

log = structlog.get_logger()

FIRST_KEY = "driftgauge key create --scope admin --scope ingest --scope read --scope metrics"


class Server(uvicorn.Server):
    """A server that says on standard output when it answers."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the one line that a supervisor may wait for."""
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            print(json.dumps({"event": "ready", "url": f"http://{shown}:{port}", "port": port}), flush=True)  # noqa: T201 - the ready line


def warn_unknown() -> None:
    """Name every DRIFTGAUGE_ variable that nothing reads."""
    for name, nearest in unknown_variables(os.environ):
        log.warning("unknown setting", variable=name, nearest=nearest)


def listen(host: str, port: int) -> socket.socket:
    """Bind the address; ConfigurationError when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        message = f"cannot listen on {host}:{port}: {error.strerror}"
        raise ConfigurationError(message) from error
    bound.set_inheritable(True)
    return bound


def is_loopback(bound: socket.socket) -> bool:
    """Whether only this machine reaches the address."""
    return ipaddress.ip_address(bound.getsockname()[0]).is_loopback


def admit(service: Service, settings: Settings, *, bound: socket.socket) -> Door:
    """Open the door as the address allows; ConfigurationError for a public one that nobody has a key to."""
    for scope, file in (
        (Scope.ADMIN, settings.bootstrap_admin_key_file),
        (Scope.METRICS, settings.bootstrap_metrics_key_file),
    ):
        if file is not None:
            keys.bootstrap(service, file, scope=scope)
    loopback = is_loopback(bound)
    door = open_door(service, settings, loopback=loopback)
    if door.keyring.empty and not loopback:
        message = f"{settings.host} can be reached by others and no key exists; create one first:\n  {FIRST_KEY}"
        raise ConfigurationError(message)
    if door.ajar:
        log.warning("OPEN MODE: anybody on this machine may do anything until a key exists", command=FIRST_KEY)
    return door


def guarded(settings: Settings) -> type[GuardedProtocol]:
    """Give the HTTP protocol its limits."""
    return with_limits(
        Limits(
            head_bytes=settings.max_head_bytes,
            head_s=settings.head_timeout / 1e6,
            bytes_per_second=settings.min_bytes_per_second,
            connections=settings.max_connections,
        )
    )


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    wait_database: Annotated[str | None, typer.Option(help="How long to wait for the database, e.g. 30s.")] = None,
    migrate: Annotated[bool, typer.Option(help="Bring the database schema to the newest version first.")] = True,
    list_failpoints: Annotated[bool, typer.Option(help="Print the points that DRIFTGAUGE_FAILPOINTS knows.")] = False,
) -> None:
    """Run the service until SIGTERM or Ctrl-C."""
    if list_failpoints:
        for point, meaning in failpoints.POINTS.items():
            typer.echo(f"{point:24}{meaning}")
        return
    logs.configure()
    warn_unknown()
    ending = Ending(signal.SIGTERM, signal.SIGINT)
    given: dict[str, Any] = {"host": host, "port": port, "wait_database": wait_database}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    bound = listen(settings.host, settings.port)
    if settings.failpoints and not is_loopback(bound):
        raise ConfigurationError("failpoints are for tests and never on an address that others can reach")
    failpoints.arm(settings.failpoints)
    keep_some()
    with ExitStack() as stack:
        stack.enter_context(without("pandas"))  # pyarrow loads it, in a second, when it reads a first list of numbers
        stack.callback(bound.close)
        service = open_service(settings, migrate=migrate, stack=stack, held=ending.held)
        config = uvicorn.Config(
            create_app(service, settings, door=admit(service, settings, bound=bound)),
            http=guarded(settings),
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=max(1, settings.drain_deadline // 1_000_000),
        )
        server = Server(config)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, server.handle_exit)  # the server listens later, and raises them again at its end
        ending.check()
        server.run(sockets=[bound])
    if not server.started:
        sys.exit(1)
