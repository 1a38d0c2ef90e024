"""Who asks: settled from the head of a request, before a byte of its body is read."""

from dataclasses import dataclass
from typing import Final

import anyio
import anyio.to_thread
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.credentials import check_local, check_origin, check_query, key_text
from app.api.problems import answer
from app.api.scopes import access
from app.errors import Problem, Unauthorized
from app.metrics.instruments import Instruments
from app.monitor.keyring import ANYBODY, Holder, Keyring, Refusal
from app.monitor.tokens import Token, read

CHALLENGE: Final = 'Bearer realm="driftgauge", Basic realm="driftgauge", charset="UTF-8"'
SCRAPE: Final = "/metrics"
_ASKERS: Final = 4


@dataclass(frozen=True, slots=True)
class Door:
    """What decides who comes in; open to anybody on a loopback address until the first key is made."""

    keyring: Keyring
    instruments: Instruments
    loopback: bool

    @property
    def ajar(self) -> bool:
        """Tell whether no key is asked for."""
        return self.loopback and self.keyring.empty


class Authentication:
    """ASGI middleware that lets only holders of a key in."""

    def __init__(self, app: ASGIApp, *, door: Door) -> None:
        """Stand before an application."""
        self.app = app
        self._door = door
        self._askers = anyio.CapacityLimiter(_ASKERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Name the holder in `state`, or answer with a problem."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            check_query(scope["query_string"])
            holder = await self._holder(scope, headers)
        except Problem as problem:
            refused = answer(Request(scope), problem)
            if isinstance(problem, Unauthorized):
                refused.headers["WWW-Authenticate"] = CHALLENGE
            await refused(scope, receive, send)
            return
        if holder is not None:
            scope["state"] |= {"holder": holder, "actor": holder.id}
        await self.app(scope, receive, _marked(send) if holder is ANYBODY else send)

    async def _holder(self, scope: Scope, headers: Headers) -> Holder | None:
        if access(scope["method"], scope["path"]).scopes is None:
            return None
        door = self._door
        if not door.keyring.fresh and scope["path"] != SCRAPE:
            await anyio.to_thread.run_sync(door.keyring.renew, limiter=self._askers)
        if door.ajar:
            check_local(headers)
            return ANYBODY
        text = key_text(headers)
        if text is None:
            raise self._refused(Refusal.MISSING)
        token = read(text)
        if token is None:
            raise self._refused(Refusal.MALFORMED)
        found = await self._found(token, scope)
        if isinstance(found, Refusal):
            raise self._refused(found)
        if headers.get("authorization", "").lower().startswith("basic"):
            check_origin(headers)
        return found

    async def _found(self, token: Token, scope: Scope) -> Holder | Refusal:
        keyring = self._door.keyring
        found = keyring.look(token)
        if isinstance(found, Holder):
            return found
        remembered = keyring.remembered(token)
        if remembered is not None:
            return remembered
        address = scope["client"][0] if scope.get("client") else ""
        return await anyio.to_thread.run_sync(keyring.ask, token, address, limiter=self._askers)

    def _refused(self, refusal: Refusal) -> Unauthorized:
        self._door.instruments.count_auth_failure(refusal.value)
        if refusal is Refusal.MISSING:
            return Unauthorized("missing-key", "send a key as Authorization: Bearer, or as the password of Basic")
        return Unauthorized("invalid-key", "the key is not valid, or no longer")


def _marked(send: Send) -> Send:
    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"x-auth-mode", b"open")]
        await send(message)

    return marked
