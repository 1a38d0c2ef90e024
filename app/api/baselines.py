"""`/v1/models/{model}/baselines`: the references."""

import pathlib
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.api.batches import ROWS, RowCount
from app.api.bodies import PromotionBody
from app.api.context import AuthorDep, ServiceDep, SpoolDep
from app.api.json import Json
from app.api.names import ModelName
from app.api.problems import responses
from app.monitor import expectations, promotion, references
from app.monitor.instants import read_instant
from app.wire.arriving import Arriving
from app.wire.names import check_name

router = APIRouter(tags=["baselines"])
PROBLEMS = responses(400, 404, 413, 415, 422, 503)
Activate = Annotated[bool, Query(description="Let it hold from the next window on.")]
Number = Annotated[int, Path(description="Number of the baseline.")]


@router.post("/v1/models/{model}/baselines", status_code=201, responses=PROBLEMS, openapi_extra=ROWS)
async def post_baseline(
    request: Request,
    model: ModelName,
    service: ServiceDep,
    spool: SpoolDep,
    author: AuthorDep,
    activate: Activate = False,
    x_row_count: RowCount = None,
) -> Response:
    """Make a baseline from rows in any format, larger than memory, or from ready histograms."""
    await run_in_threadpool(service.catalog.watched, model, fresh=True)
    declared = request.headers.get("content-type")

    def work(path: pathlib.Path, arriving: Arriving) -> dict[str, object]:
        return promotion.create_from_file(
            service,
            model,
            path,
            arriving=arriving,
            content_type=declared,
            row_count=x_row_count,
            activate=activate,
            author=author,
        )

    return Json(await spool.use(request, work), 201)


@router.post("/v1/models/{model}/baselines/from-windows", status_code=201, responses=PROBLEMS)
def post_from_windows(
    model: ModelName,
    body: PromotionBody,
    service: ServiceDep,
    author: AuthorDep,
    activate: Activate = False,
) -> Response:
    """Promote stored windows to a baseline."""
    made = promotion.create_from_windows(
        service,
        model,
        from_us=read_instant(body.start, "from"),
        to_us=read_instant(body.end, "to"),
        version=check_name(body.version, "version"),
        activate=activate,
        author=author,
    )
    return Json(made, 201)


@router.get("/v1/models/{model}/baselines", responses=responses(404, 422, 503))
def list_baselines(model: ModelName, service: ServiceDep) -> Response:
    """List a model's baselines."""
    return Json(references.listed(service, service.catalog.watched(model)))


@router.get("/v1/models/{model}/baselines/{number}", responses=responses(404, 422, 503))
def get_baseline(
    model: ModelName,
    number: Number,
    service: ServiceDep,
    format: Literal["bins", "gx", "suite"] = "bins",  # noqa: A002 - the public name of the parameter
) -> Response:
    """Read a baseline's bins and counts, its Great Expectations partition objects, or the suite that it gives."""
    if format == "suite":
        return Json(expectations.exported(service, service.catalog.watched(model), number=number).document())
    return Json(references.document(service, service.catalog.watched(model), number, as_gx=format == "gx"))


@router.post("/v1/models/{model}/baselines/{number}/activate", responses=responses(404, 422, 503))
def post_activate(model: ModelName, number: Number, service: ServiceDep, author: AuthorDep) -> Response:
    """Let a baseline hold from the next window boundary on."""
    return Json(promotion.activate(service, model, number, author=author))
