"""Probes, limits, balance, audit, metrics."""

import platform
from functools import partial
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app import __version__
from app.api.answers import ANY, BALANCE, CODE, EVENT, TEXT, WHOLE, answers, many, record
from app.api.codes import CODES, title
from app.api.context import HolderDep, ServiceDep, check_sight
from app.api.json import Json
from app.api.names import WantedModel
from app.api.pieces import Pieces
from app.api.problems import responses
from app.monitor import operations

router = APIRouter(tags=["operations"])


@router.get("/livez", responses=answers(record(status=TEXT)))
async def livez() -> Response:
    """Tell that the process answers; touches nothing else."""
    return Json({"status": "alive"})


@router.get("/readyz", responses=answers(record(status=TEXT, reasons=many(TEXT)), 200, 503))
def readyz(request: Request, service: ServiceDep) -> Response:
    """Tell whether requests can be served, with reason codes when not."""
    reasons = operations.unready(service) + (["draining"] if request.app.state.draining else [])
    return Json({"status": "unready" if reasons else "ready", "reasons": reasons}, 503 if reasons else 200)


@router.get("/version", responses=answers(record(version=TEXT, python=TEXT)))
def version(service: ServiceDep) -> Response:
    """Name the versions of the service, its schema and what it runs on."""
    return Json({"version": __version__, "python": platform.python_version(), **operations.versions(service)})


@router.get("/metrics", response_class=Response)
async def metrics(request: Request, service: ServiceDep, holder: HolderDep) -> Response:
    """Give the gauges in the format that the scraper asks for; never touches the database."""
    accept, coding = request.headers.get("accept", ""), request.headers.get("accept-encoding", "")
    show = partial(service.page.render, accept, coding, models=holder.models)
    if service.page.light:
        body, content_type, encoding = show()
    else:
        body, content_type, encoding = await anyio.to_thread.run_sync(show, limiter=request.app.state.scrapes)
    headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
    return Pieces(body, headers=headers | ({"Content-Encoding": encoding} if encoding else {}))


@router.get("/v1/limits", responses=answers(ANY))
def limits(request: Request) -> Response:
    """List every effective limit and setting by name."""
    return Json(request.app.state.limits)


@router.get("/problems", responses=answers(many(CODE)))
def problems() -> Response:
    """List every problem code with its status and whether the same bytes may be sent again."""
    return Json(
        [
            {
                "code": name,
                "title": title(name),
                "status": int(code.status),
                "retryable": code.retryable,
                "meaning": code.meaning,
            }
            for name, code in CODES.items()
        ]
    )


@router.get("/v1/admin/ledger-balance", responses={**answers(BALANCE), **responses(404, 422, 503)})
def ledger_balance(service: ServiceDep, holder: HolderDep, model: WantedModel) -> Response:
    """Compare the rows acknowledged with the rows counted, in one snapshot."""
    check_sight(holder, model)
    return Json(operations.balance(service, model))


@router.post("/v1/admin/fold", responses={**answers(record(folded=WHOLE)), **responses(404, 422, 503)})
def post_fold(service: ServiceDep, holder: HolderDep, model: WantedModel) -> Response:
    """Fold the journal now."""
    check_sight(holder, model)
    return Json({"folded": operations.fold(service, model)})


@router.get("/v1/audit", responses={**answers(many(EVENT)), **responses(422, 503)})
def audit(
    service: ServiceDep,
    holder: HolderDep,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> Response:
    """List what was changed, by whom, newest first."""
    check_sight(holder, None)
    return Json(operations.audited(service, limit=limit, before=before))
