"""Making, rotating and ending API keys, on the record."""

from collections.abc import Collection
from pathlib import Path
from typing import Final

import structlog

from app.errors import ConfigurationError, Conflict, NotFound, Refused
from app.monitor.instants import instant_text
from app.monitor.keyring import Scope
from app.monitor.models import Author
from app.monitor.service import Service
from app.monitor.tokens import Token, mint, read
from app.storage import audit, keys
from app.storage.database import Connection
from app.storage.keys import ApiKey
from app.wire.names import check_name

log = structlog.get_logger()

BOOTSTRAP: Final = Author("bootstrap-file", "")


def create(  # noqa: PLR0913 - what a key is made of
    service: Service,
    *,
    scopes: Collection[str],
    models: Collection[str] | None,
    name: str,
    expires_in_us: int | None,
    author: Author,
) -> Token:
    """Make a key; its text is known only to who asked."""
    if not scopes:
        raise Refused("unlawful-scope", "a key needs at least one scope")
    for scope in scopes:
        if scope not in set(Scope):
            raise Refused("unlawful-scope", f"no such scope: {scope[:40]!r}; there are {', '.join(Scope)}")
    for model in models or ():
        check_name(model, "model")
    token, now_us = mint(), service.now_us()
    seen = None if models is None else frozenset(models)
    ends = None if expires_in_us is None else now_us + expires_in_us
    with service.database.transaction() as conn:
        key = ApiKey(token.id, name or token.id, frozenset(scopes), seen, now_us, expires_us=ends)
        _add(conn, key, token=token, action="key.create", author=author)
    return token


def listed(service: Service) -> list[dict[str, object]]:
    """List every key, without anything that opens a door."""
    with service.database.snapshot() as conn:
        return [_shown(key, now_us=service.now_us()) for key in keys.listed(conn)]


def revoke(service: Service, key_id: str, *, author: Author) -> None:
    """End a key everywhere within ten seconds; NotFound when there is none of this id."""
    with service.database.transaction() as conn:
        keys.lock(conn)
        before = _find(conn, key_id)
        now_us = service.now_us()
        keys.revoke(conn, key_id, now_us=now_us)
        _record(conn, "key.revoke", _find(conn, key_id), before=before, author=author, now_us=now_us)


def rotate(service: Service, key_id: str, *, overlap_us: int, author: Author) -> Token:
    """Make a key like another, which ends after the overlap."""
    token, now_us = mint(), service.now_us()
    with service.database.transaction() as conn:
        keys.lock(conn)
        old = _find(conn, key_id)
        if _state(old, now_us=now_us) != "live":
            raise Conflict("key-ended", f"the key {key_id} is {_state(old, now_us=now_us)}; make a new one")
        ends = now_us + overlap_us if old.expires_us is None else min(old.expires_us, now_us + overlap_us)
        keys.expire(conn, key_id, at_us=ends)
        _record(conn, "key.expire", _find(conn, key_id), before=old, author=author, now_us=now_us)
        life_us = None if old.expires_us is None else old.expires_us - old.created_us
        expires_us = None if life_us is None else now_us + life_us
        new = ApiKey(token.id, old.name, old.scopes, old.models, now_us, expires_us=expires_us)
        _add(conn, new, token=token, action="key.rotate", author=author)
    return token


def bootstrap(service: Service, path: Path, *, scope: Scope) -> None:
    """See to it that the key in a mounted file is known, for one scope; does nothing the second time."""
    try:
        token = read(path.read_text(encoding="ascii").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the bootstrap key file {path} cannot be read: {type(error).__name__}") from error
    if token is None:
        hint = "write one with: driftgauge key generate"
        raise ConfigurationError(f"the bootstrap key file {path} holds no key; {hint}")
    now_us = service.now_us()
    with service.database.transaction() as conn:
        keys.lock(conn)
        found = keys.held_by_id(conn, token.id)
        if found is None:
            key = ApiKey(token.id, f"bootstrap-{scope}", frozenset({scope.value}), None, now_us)
            _add(conn, key, token=token, action="key.create", author=BOOTSTRAP)
        elif found[1] != token.hash:
            raise ConfigurationError(f"the bootstrap key file {path} holds another key of a known id")
        elif _state(found[0], now_us=now_us) != "live":
            log.warning("the bootstrap key has ended", key=token.id)


def _add(conn: Connection, key: ApiKey, *, token: Token, action: str, author: Author) -> None:
    keys.add(conn, key, hash_=token.hash)
    _record(conn, action, key, before=None, author=author, now_us=key.created_us)


def _find(conn: Connection, key_id: str) -> ApiKey:
    found = keys.held_by_id(conn, key_id)
    if found is None:
        raise NotFound("unknown-key", f"there is no key {key_id[:40]!r}")
    return found[0]


def _state(key: ApiKey, *, now_us: int) -> str:
    if key.revoked_us is not None:
        return "revoked"
    return "expired" if key.expires_us is not None and key.expires_us <= now_us else "live"


def _shown(key: ApiKey, *, now_us: int) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "models": None if key.models is None else sorted(key.models),
        "state": _state(key, now_us=now_us),
        "created_at": instant_text(key.created_us),
        "expires_at": None if key.expires_us is None else instant_text(key.expires_us),
        "revoked_at": None if key.revoked_us is None else instant_text(key.revoked_us),
        "last_used_at": None if key.last_used_us is None else instant_text(key.last_used_us),
    }


def _recorded(key: ApiKey) -> dict[str, object]:
    shown = _shown(key, now_us=key.created_us)
    return {name: value for name, value in shown.items() if name not in {"id", "state", "last_used_at"}}


def _record(  # noqa: PLR0913 - an audit entry tells all of it
    conn: Connection, action: str, key: ApiKey, *, before: ApiKey | None, author: Author, now_us: int
) -> None:
    audit.record(
        conn,
        actor=author.actor,
        action=action,
        object_=f"key {key.id}",
        before=None if before is None else _recorded(before),
        after=_recorded(key),
        request_id=author.request_id,
        now_us=now_us,
    )
