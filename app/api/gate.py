"""What every operation passes before its handler: scope, model, quota, size and time."""

import asyncio
import copy
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, unquote

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.deadline import Deadline
from app.api.heads import header
from app.api.problems import forget
from app.api.scopes import ADMIN, Access, Body, access
from app.errors import Forbidden, NotFound, Problem, TooLarge, TooMany
from app.metrics.instruments import Instruments
from app.monitor.buckets import Buckets
from app.monitor.keyring import Holder

_TRUE: Final = frozenset({"true", "1", "on", "yes", "y", "t"})
_BODILESS: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Quotas:
    """What one key may send a second; 0 is no limit."""

    requests: Buckets = field(default_factory=lambda: Buckets(0))
    bytes: Buckets = field(default_factory=lambda: Buckets(0))
    rows: Buckets = field(default_factory=lambda: Buckets(0))

    def check(self, key: str, *, now_s: float) -> None:
        """Charge one request; TooMany when the key is in debt."""
        wait = max(bucket.wait(key, now_s=now_s) for bucket in (self.requests, self.bytes, self.rows))
        if wait:
            raise TooMany("quota-exceeded", "the key sends more than it may; wait", retry_after=wait)
        self.requests.spend(key, 1, now_s=now_s)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of a request; times in seconds."""

    document_bytes: int
    body_s: float
    answer_s: float


@dataclass(frozen=True, slots=True)
class Gate:
    """ASGI application around the handler of one route."""

    app: ASGIApp
    path: str
    bounds: Bounds
    quotas: Quotas
    instruments: Instruments

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through to its handler, or raise the problem."""
        needed = access(scope["method"], self.path)
        if needed.scopes is not None:
            self._check(scope, scope["state"]["holder"], needed)
        if needed.body is Body.DOCUMENT:
            receive = _bounded(scope, receive, limit=self.bounds.document_bytes)
        elif needed.body is Body.ROWS and needed.scopes is not None:
            receive = self._metered(scope, receive)
        if needed.unhurried:
            await self.app(scope, receive, send)
        else:
            await self._hurried(scope, receive, send)
        if needed.body is Body.ROWS:
            key = scope["state"]["holder"].id
            self.quotas.rows.spend(key, scope["state"].get("rows", 0), now_s=time.monotonic())

    def _check(self, scope: Scope, holder: Holder, needed: Access) -> None:
        wanted = ADMIN if needed.backfill and _backfill(scope["query_string"]) else needed.scopes or ADMIN
        if not holder.scopes & wanted:
            self.instruments.count_auth_failure("scope")
            names = sorted(wanted)
            raise Forbidden("missing-scope", f"the key lacks the scope {' or '.join(names)}", extra={"scopes": names})
        model = scope["path_params"].get("model")
        if model is not None and not any(map(holder.sees, _meant(scope, unquote(model)))):
            self.instruments.count_auth_failure("model")
            raise unknown_model(unquote(model))
        if needed.body is Body.ROWS:
            self.quotas.check(holder.id, now_s=time.monotonic())

    def _metered(self, scope: Scope, receive: Receive) -> Receive:
        key = scope["state"]["holder"].id

        async def metered() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                self.quotas.bytes.spend(key, len(message.get("body", b"")), now_s=time.monotonic())
            return message

        return metered

    async def _hurried(self, scope: Scope, receive: Receive, send: Send) -> None:
        deadline = Deadline(scope, send, body_s=self.bounds.body_s, answer_s=self.bounds.answer_s)
        empty = header(scope, b"content-length") in {None, "0"} and header(scope, b"transfer-encoding") is None
        deadline.start(arrived=scope["method"] in _BODILESS or empty)
        try:
            await self.app(scope, deadline.receive(receive), deadline.send)
        except Problem as problem:
            if not deadline.passed:
                raise
            forget(problem)
        except asyncio.CancelledError:
            if not deadline.cut():
                raise
        finally:
            deadline.stop()
            await deadline.answered()


def unknown_model(name: str) -> NotFound:
    """Say of a model that it does not exist, whether or not it is only hidden."""
    return NotFound("unknown-model", f"there is no model {name!r}")


def mount(
    app: FastAPI, routes: Iterable[BaseRoute], *, bounds: Bounds, quotas: Quotas, instruments: Instruments
) -> None:
    """Add routes, and put the gate before each of them and of those that are there."""
    guarded = []
    for route in [*app.router.routes, *routes]:
        if not isinstance(route, Route):
            message = f"only plain routes can be guarded, not {route!r}"
            raise TypeError(message)
        guarded.append(copy.copy(route))
        guarded[-1].app = Gate(route.app, route.path, bounds=bounds, quotas=quotas, instruments=instruments)
    app.router.routes[:] = guarded


def _meant(scope: Scope, model: str) -> list[str]:
    """Name the models that a path may lead to: a verb at its end may belong to a name where nothing is sent."""
    verb = ":predict"
    return [model, model + verb] if scope["method"] in _BODILESS and scope["path"].endswith(verb) else [model]


def _backfill(query: bytes) -> bool:
    sent = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("backfill", [])
    return any(value.strip().lower() in _TRUE for value in sent)


def _bounded(scope: Scope, receive: Receive, *, limit: int) -> Receive:
    """Refuse a document that is too large, by what it announces or by what comes."""
    announced = Headers(scope=scope).get("content-length", "")
    left = limit
    if announced.isascii() and announced.isdigit() and int(announced) > limit:
        raise too_large(limit)

    async def bounded() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise too_large(limit)
        return message

    return bounded


def too_large(limit: int) -> TooLarge:
    """Say which limit a document crossed."""
    return TooLarge("body-too-large", f"the body is larger than {limit} bytes", extra={"limit": limit})
