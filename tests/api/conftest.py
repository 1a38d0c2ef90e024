"""A running service that asks for keys, and the means to make some."""

from collections.abc import Iterator

import pytest

import postgres
from api.locked import Locked, locked_service


@pytest.fixture(scope="session")
def locked(postgres_server: postgres.Server) -> Iterator[Locked]:
    """A service with keys, shared by all tests of the session."""
    name = postgres_server.create(template=postgres_server.template)
    with locked_service(postgres_server.url(name)) as running:
        yield running
