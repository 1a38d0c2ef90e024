"""Bringing the schema to the newest revision."""

import importlib
import re
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, text

from app.errors import ConfigurationError
from app.storage.database import engine_for
from app.storage.failures import translated
from app.storage.locks import Lock

_REVISION: Final = re.compile(r'^revision\b[^=]*=\s*"([^"]+)"', re.MULTILINE)
_PREVIOUS: Final = re.compile(r'^down_revision\b[^=]*=\s*"([^"]+)"', re.MULTILINE)


def migrate(url: str) -> None:
    """Bring the schema to the newest revision; replicas that start together take turns."""
    engine = engine_for(url)
    try:
        with translated(), engine.begin() as conn:
            conn.execute(text("SET LOCAL lock_timeout = '60s'"))
            conn.execute(text("SELECT pg_advisory_xact_lock(:space, 0)"), {"space": Lock.MIGRATE})
            if not is_current(conn):
                run(conn, "upgrade", "head")
    finally:
        engine.dispose()


def check_migrated(url: str) -> None:
    """ConfigurationError when nobody has migrated the database yet; one merely behind is for /readyz to tell."""
    engine = engine_for(url)
    try:
        with translated(), engine.connect() as conn:
            if current_revision(conn) is None:
                raise ConfigurationError("the database has no schema yet: run `driftgauge migrate` first")
    finally:
        engine.dispose()


def run(conn: Connection, command: str, *arguments: str) -> None:
    """Run one command of alembic on this connection, in its transaction."""
    library: Any = importlib.import_module("alembic.command")
    problems: Any = importlib.import_module("alembic.util")
    try:
        getattr(library, command)(configuration(conn), *arguments)
    except problems.CommandError as error:
        if "Can't locate revision" not in str(error):
            raise
        raise ConfigurationError("the database's schema is newer than this program") from error


def configuration(conn: Connection) -> Any:
    """Alembic's configuration, without a file."""
    settings: Any = importlib.import_module("alembic.config").Config()
    settings.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    settings.attributes["connection"] = conn
    return settings


def head_revision() -> str:
    """The newest revision, read from the scripts without the second that importing alembic takes."""
    revisions, previous = _revisions()
    return next(iter(revisions - previous))


def current_revision(conn: Connection) -> str | None:
    """The revision the database is at."""
    if conn.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    revision = conn.scalar(text("SELECT version_num FROM alembic_version"))
    return None if revision is None else str(revision)


def is_current(conn: Connection) -> bool:
    """Whether the database is at the newest revision."""
    return current_revision(conn) == head_revision()


def is_behind(conn: Connection) -> bool:
    """Whether the database still waits for a revision of ours; one that a newer release has migrated does not."""
    current, (revisions, _) = current_revision(conn), _revisions()
    return current is None or (current in revisions and current != head_revision())


def _revisions() -> tuple[set[str], set[str]]:
    """Every revision, and those that another one follows."""
    scripts = [path.read_text(encoding="utf-8") for path in (_scripts() / "versions").glob("*.py")]
    revisions = {str(found) for script in scripts for found in _REVISION.findall(script)}
    return revisions, {str(found) for script in scripts for found in _PREVIOUS.findall(script)}


def _scripts() -> Path:
    here = Path(__file__).resolve()
    for folder in (here.parents[1] / "alembic", here.parents[2] / "alembic"):
        if (folder / "env.py").exists():
            return folder
    raise ConfigurationError("the migration scripts are not installed")
