"""Who holds a key, known to a replica without asking the database for each request."""

import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog

from app.errors import Problem, TooMany, Unavailable
from app.monitor.buckets import Buckets
from app.monitor.tokens import Token
from app.storage import keys
from app.storage.database import Database
from app.storage.keys import ApiKey

log = structlog.get_logger()

TRUSTED_S: Final = 10.0
_REFRESH_S: Final = 2.0
_ASK_S: Final = 2.0
_ENDED_KEPT_US: Final = 86_400_000_000
_REFUSALS_KEPT: Final = 10_000
_REFUSED_S: Final = 1.0
_TOUCH_S: Final = 60.0
_NOBODY: Final = bytes(32)
_EVERYBODY: Final = "*"


class Scope(StrEnum):
    """What a key may be made for."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"
    METRICS = "metrics"


class Refusal(StrEnum):
    """Why a key opens nothing."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who asks: the key's id, what it may do and which models it may see (None: all)."""

    id: str
    scopes: frozenset[str]
    models: frozenset[str] | None = None

    def sees(self, model: str) -> bool:
        """Tell whether a model exists for this holder."""
        return self.models is None or model in self.models


ANYBODY: Final = Holder("open", frozenset(Scope))


class Keyring:
    """All live keys, read again every two seconds; older than ten it is trusted no more."""

    def __init__(
        self,
        database: Database,
        *,
        failures: int,
        failures_per_address: int,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Know nothing before `load`."""
        self._database = database
        self._clock_s = clock_s
        self._failures = Buckets(failures)
        self._address_failures = Buckets(failures_per_address)
        self._held: dict[str, tuple[ApiKey, bytes]] = {}
        self._empty = False
        self._loaded_s = float("-inf")
        self._asked = (float("-inf"), False)
        self._asking = threading.Lock()
        self._refused: OrderedDict[bytes, tuple[float, Refusal]] = OrderedDict()
        self._uses: dict[str, int] = {}
        self._touched_s = clock_s()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="driftgauge-keys", daemon=True)

    @property
    def empty(self) -> bool:
        """Tell whether no key was ever made."""
        return self._empty

    @property
    def fresh(self) -> bool:
        """Tell whether what is known is young enough to be trusted."""
        return self._clock_s() - self._loaded_s < TRUSTED_S

    def load(self) -> None:
        """Read the keys anew."""
        started = self._clock_s()
        with self._database.snapshot(deadline_s=_ASK_S) as conn:
            held = keys.held(conn, ended_after_us=self._database.clock_us() - _ENDED_KEPT_US)
            empty = not held and not keys.any_made(conn)
        self._held, self._empty, self._loaded_s = held, empty, started

    def look(self, token: Token) -> Holder | Refusal:
        """Judge a key by what is known; unknown ids take the same work."""
        key, stored = self._held.get(token.id, (None, _NOBODY))
        same = hmac.compare_digest(stored, token.hash)
        if key is None or not same:
            return Refusal.UNKNOWN
        now_us = self._database.clock_us()
        if key.revoked_us is not None:
            return Refusal.REVOKED
        if key.expires_us is not None and key.expires_us <= now_us:
            return Refusal.EXPIRED
        self._uses[key.id] = now_us
        implied = {Scope.READ} if Scope.ADMIN in key.scopes else set()
        return Holder(key.id, key.scopes | implied, key.models)

    def remembered(self, token: Token) -> Refusal | None:
        """Give the refusal of a key that was asked for a moment ago."""
        refused_s, refusal = self._refused.get(token.hash, (float("-inf"), None))
        return refusal if self._clock_s() - refused_s < _REFUSED_S else None

    def ask(self, token: Token, address: str) -> Holder | Refusal:
        """Judge a key by the database; TooMany when too many have failed."""
        now_s = self._clock_s()
        if self.fresh:
            wait = max(self._failures.wait(_EVERYBODY, now_s=now_s), self._address_failures.wait(address, now_s=now_s))
            if wait:
                raise TooMany("too-many-failures", "too many keys were refused; wait", retry_after=wait)
        self.renew()
        found = self.look(token)
        if isinstance(found, Refusal):
            self._failures.spend(_EVERYBODY, 1, now_s=now_s)
            self._address_failures.spend(address, 1, now_s=now_s)
            self._refused[token.hash] = (self._clock_s(), found)
            while len(self._refused) > _REFUSALS_KEPT:
                self._refused.popitem(last=False)
            log.warning("key refused", key=token.id, address=address, reason=found.value)
        return found

    def renew(self) -> None:
        """Read the keys once for all who wait; Unavailable when the database does not answer."""
        arrived = self._clock_s()
        with self._asking:
            started, answered = self._asked
            if started < arrived:
                started, answered = self._clock_s(), False
                try:
                    self.load()
                    answered = True
                except Unavailable as error:
                    log.warning("keys not read", code=error.code)
                finally:
                    self._asked = (started, answered)
        if not answered:
            raise Unavailable("storage-unavailable", "the keys cannot be read now", retry_after=2)

    def start(self) -> None:
        """Follow the keys in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Follow them no more, and note the last uses."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2 * _ASK_S)
        self._touch()

    def _follow(self) -> None:
        while not self._stop.wait(_REFRESH_S):
            try:
                self.load()
                if self._clock_s() - self._touched_s >= _TOUCH_S:
                    self._touch()
            except Problem as problem:
                log.warning("keys not read", code=problem.code)
            except Exception:
                log.exception("keys not read")

    def _touch(self) -> None:
        """Note when keys were last used; a note that is lost is no harm."""
        self._touched_s = self._clock_s()
        uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            with self._database.transaction(deadline_s=_ASK_S) as conn:
                keys.touch(conn, uses)
        except Problem as problem:
            log.warning("last use of keys not noted", code=problem.code)
