"""A service for the length of one command."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from app import logs
from app.main import open_service
from app.monitor.models import Author
from app.monitor.service import Service
from app.settings import Settings

COMMAND_LINE = Author("command-line", "")


@contextmanager
def opened() -> Iterator[Service]:
    """Open the configured database, beside a running service if there is one."""
    logs.configure()
    with ExitStack() as stack:
        yield open_service(Settings(), stack=stack)
