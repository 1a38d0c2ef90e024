"""One running service for all acceptance tests, its log shown when a test fails."""

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from acceptance.world import World
from service import Service


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """A service on a fresh data directory, shared by all tests of the session."""
    with Service() as running:
        yield running


@pytest.fixture
def world(service: Service, request: pytest.FixtureRequest) -> World:
    """The service as seen by a user, with model names of the test's own."""
    return World(service, prefix=request.node.name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the service's log under a failed test."""
    report = yield
    arguments: dict[str, Any] = getattr(item, "funcargs", {})
    for value in arguments.values():
        if report.failed and isinstance(value, Service) and value.log.exists():
            report.sections.append(("service log", value.tail()))
    return report
