"""A real service with keys, and the database behind it."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from app.main import open_service
from app.monitor import keys
from app.monitor.models import Author
from app.monitor.service import Service as Office
from app.settings import Settings
from service import Service

TESTER: Final = Author("tester", "test")


@dataclass
class Locked:
    """The program outside, and its database inside."""

    service: Service
    office: Office
    made: list[str] = field(default_factory=list)

    def key(
        self, *scopes: str, models: Collection[str] | None = None, expires_in_us: int | None = None, name: str = ""
    ) -> str:
        """Make a key."""
        token = keys.create(
            self.office, scopes=scopes, models=models, name=name, expires_in_us=expires_in_us, author=TESTER
        )
        self.made.append(token.text)
        return token.text

    def call(
        self, method: str, path: str, key: str | None = None, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        """Send a request, with a key as Bearer if given."""
        shown = {} if key is None else {"Authorization": f"Bearer {key}"}
        return self.service.client.request(method, path, headers=shown | dict(headers or {}), **more)


def key_id(text: str) -> str:
    """Give the public part of a key."""
    return text.split("_")[1]


@contextmanager
def locked_service(url: str, settings: Mapping[str, str] | None = None) -> Iterator[Locked]:
    """Make a key, then start a service on a migrated database."""
    with ExitStack() as stack:
        office = open_service(Settings(database_url=url), migrate=False, stack=stack)
        locked = Locked(Service({"DRIFTGAUGE_DATABASE_URL": url, **(settings or {})}), office)
        locked.key("admin", "ingest", "read", "metrics")
        stack.enter_context(locked.service)
        yield locked
