"""`/v1/logs`: the records of OTLP/HTTP exporters."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.api.context import HolderDep, IntakeDep, ServiceDep
from app.api.json import Json
from app.api.problems import MEDIA_TYPE, PROBLEM, answer, description
from app.errors import Problem
from app.monitor import otlp
from app.wire.otlpanswers import JSON, PROTOBUF, exported, failed

router = APIRouter(tags=["ingest"])

_BYTES: Final = {"schema": {"type": "string", "format": "binary"}}
_EXPORTED: Final[dict[str, Any]] = {"content": {PROTOBUF: _BYTES, JSON: {"schema": {"type": "object"}}}}
_STATUS: Final = {
    PROTOBUF: _BYTES,
    JSON: {
        "schema": {
            "type": "object",
            "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
            "required": ["code", "message"],
        }
    },
    MEDIA_TYPE: {"schema": {"$ref": PROBLEM}},
}
ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "ExportLogsServiceResponse", **_EXPORTED},
    **{
        status: {"description": f"google.rpc.Status. {description(status)}", "content": _STATUS}
        for status in (400, 409, 413, 415, 429, 500, 503)
    },
}
BODY: Final = {"requestBody": {"required": True, **_EXPORTED}}
Model = Annotated[str | None, Query(description="Name of the model; else `service.name`, else BentoML's name.")]
Version = Annotated[str | None, Query(description="Version that served the records; else `service.version`.")]


@router.post("/v1/logs", responses=ANSWERS, openapi_extra=BODY)
async def post_logs(
    request: Request,
    service: ServiceDep,
    intake: IntakeDep,
    holder: HolderDep,
    model: Model = None,
    version: Version = None,
) -> Response:
    """Count the log records of an export once, each as a row of the model that its resource names."""
    said = _said(request)
    told = otlp.Export(request.headers.get("content-encoding", ""), said, model, version, holder)
    try:
        async with intake.body(request) as body:
            outcome = await run_in_threadpool(otlp.export, service, body, told)
    except Problem as problem:
        return _status(request, problem, as_json=bool(said))
    request.state.rows = outcome.received
    content = exported(rejected=outcome.rejected, message=outcome.message, as_json=outcome.as_json)
    return Response(content, media_type=JSON if outcome.as_json else PROTOBUF)


@router.head("/v1/logs", include_in_schema=False)
@router.get("/v1/logs", responses={200: {"description": "Done", "content": {JSON: {"schema": {"type": "object"}}}}})
def look_at_logs() -> Response:
    """Answer a health check."""
    return Json({})


def _said(request: Request) -> bool | None:
    """Tell whether the content type says JSON; None when it says neither that nor protobuf."""
    word = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return word.endswith("json") if word.endswith(("json", "protobuf")) else None


def _status(request: Request, problem: Problem, *, as_json: bool) -> Response:
    """Write a problem as exporters read it; what may be sent again is 503 with Retry-After."""
    said = answer(request, problem)
    waits = {name: said.headers[name] for name in ("retry-after",) if name in said.headers}
    status = 503 if problem.may_retry else problem.status
    content = failed(problem.status, problem.detail, as_json=as_json)
    return Response(content, status, waits, JSON if as_json else PROTOBUF)
