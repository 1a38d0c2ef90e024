"""A real Postgres for every test that asks for one: one server a session, one database a test."""

from collections.abc import Iterator

import hypothesis
import pytest
from sqlalchemy import Connection

import postgres
from app.storage.database import Database

hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """The server of this session."""
    with postgres.server() as running:
        yield running


@pytest.fixture
def empty_url(postgres_server: postgres.Server) -> Iterator[str]:
    """The URL of a database without any table."""
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture
def database_url(postgres_server: postgres.Server) -> Iterator[str]:
    """The URL of a fresh database at the newest revision."""
    name = postgres_server.create(template=postgres_server.template)
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh database, open."""
    opened = Database(database_url)
    opened.open(wait_s=5.0)
    yield opened
    opened.close()


@pytest.fixture
def conn(database: Database) -> Iterator[Connection]:
    """A transaction on a fresh database."""
    with database.transaction() as connection:
        yield connection
