"""`driftgauge serve`: one process, one replica."""

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

from app import logs
from app.errors import ConfigurationError
from app.main import create_app, open_service
from app.settings import Settings, unknown_variables


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
    log = structlog.get_logger()
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


def end(number: int, _: object) -> None:
    """Unwind what was opened so far, as for any other exit."""
    sys.exit(128 + number)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    wait_database: Annotated[str | None, typer.Option(help="How long to wait for the database, e.g. 30s.")] = None,
    migrate: Annotated[bool, typer.Option(help="Bring the database schema to the newest version first.")] = True,
) -> None:
    """Run the service until SIGTERM or Ctrl-C."""
    logs.configure()
    warn_unknown()
    signal.signal(signal.SIGTERM, end)
    given: dict[str, Any] = {"host": host, "port": port, "wait_database": wait_database}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    bound = listen(settings.host, settings.port)
    with ExitStack() as stack:
        stack.callback(bound.close)
        service = open_service(settings, migrate=migrate, stack=stack)
        config = uvicorn.Config(
            create_app(service, settings),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=max(1, settings.drain_deadline // 1_000_000),
        )
        server = Server(config)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # the server drains on them, then raises them again
        server.run(sockets=[bound])
    if not server.started:
        sys.exit(1)
