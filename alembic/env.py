"""Runs migrations on the connection it is handed, or on DRIFTGAUGE_DATABASE_URL."""

from alembic import context
from sqlalchemy import Connection

from app.settings import Settings
from app.storage.database import engine_for
from app.storage.tables import metadata


def _run(conn: Connection) -> None:
    context.configure(connection=conn, target_metadata=metadata, compare_type=True, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()


def _main() -> None:
    handed: Connection | None = context.config.attributes.get("connection")
    if handed is not None:
        _run(handed)
        return
    url = Settings().database_url
    if url is None:
        raise SystemExit("set DRIFTGAUGE_DATABASE_URL")
    engine = engine_for(url)
    with engine.begin() as conn:
        _run(conn)


_main()
