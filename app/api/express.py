"""The short way of what senders do all day: a PUT of a batch without options goes past router and resolver.

Scope, quota, size and time are those of the gate, and whatever has an option takes the usual way.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import roads
from app.api.batches import counted
from app.api.gate import Gate
from app.api.intake import Intake
from app.api.names import BATCH_ID_BYTES, decoded
from app.api.problems import answer
from app.errors import Problem
from app.monitor.ingest import Envelope
from app.monitor.service import Service

_PATH: Final = re.compile(r"(/v1/models/)([^/]+)(/(?:batches|histograms)/)([^/]+)")
_OPTIONS: Final = frozenset({b"x-row-count"})
_Road = Callable[..., Awaitable[dict[str, Any]]]
_ROADS: Final[Mapping[str, _Road]] = {"/batches/": roads.batch, "/histograms/": roads.histograms}


@dataclass(frozen=True, slots=True)
class Delivering:
    """ASGI application that takes a body down its road."""

    road: _Road
    service: Service
    intake: Intake

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the receipt."""
        request = Request(scope, receive)
        model, batch_id = _names(scope["path_params"]["model"], scope["path_params"]["batch_id"])
        async with self.intake.body(request) as body:
            envelope = Envelope.of(batch_id, request.headers, version=None, backfill=False, rows=None)
            receipt = await self.road(self.service, model, envelope=envelope, body=body)
        await counted(request, receipt)(scope, receive, send)


class Express:
    """ASGI middleware that sends plain deliveries the short way."""

    def __init__(
        self, app: ASGIApp, *, service: Service, intake: Intake, gated: Callable[[ASGIApp, str], Gate]
    ) -> None:
        """Stand before an application; `gated` puts the gate of a route before its handler."""
        self.app = app
        self._gates = {
            kind: gated(Delivering(road, service, intake), f"/v1/models/{{model}}{kind}{{batch_id}}")
            for kind, road in _ROADS.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the short way if the request is plain."""
        found = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "PUT" else None
        if found is None or scope["query_string"] or any(name in _OPTIONS for name, _ in scope["headers"]):
            await self.app(scope, receive, send)
            return
        scope["path_params"] = {"model": found[2], "batch_id": found[4]}
        try:
            await self._gates[found[3]](scope, receive, send)
        except Problem as problem:
            await answer(Request(scope), problem)(scope, receive, send)


def _names(model: str, batch_id: str) -> tuple[str, str]:
    return _model(model), decoded(batch_id, "batch", limit=BATCH_ID_BYTES)


@lru_cache(maxsize=256)
def _model(raw: str) -> str:
    return decoded(raw, "model")
