"""How an open service is put together."""

from contextlib import ExitStack

import pytest

from app.main import open_service
from app.settings import Settings
from app.storage.database import Database
from app.storage.ledger import Result
from storage.books import delivery, delta, stocked

pytestmark = pytest.mark.postgres


def test_readers_never_keep_a_batch_from_its_commit(database: Database, database_url: str) -> None:
    """While every connection of the pool is taken, a batch is still committed."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    with ExitStack() as stack:
        service = open_service(Settings(database_url=database_url, database_connections=1), stack=stack)
        now_us = service.now_us()
        with service.database.snapshot():
            waiting = service.committer.submit(delivery(model, "b", delta(info), received_us=now_us))
            assert waiting.result(timeout=30).result is Result.STORED
