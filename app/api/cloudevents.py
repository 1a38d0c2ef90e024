"""`/v1/cloudevents`: what the loggers of KServe, Seldon and ModelMesh post, and brokers pass on."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.api.context import HolderDep, IntakeDep, ServiceDep
from app.api.names import Version
from app.api.problems import answer, responses
from app.errors import BadRequest
from app.monitor import events
from app.monitor.halves import Asked

router = APIRouter(tags=["ingest"])

PATHS: Final = ("/v1/cloudevents", "/consumer/kserve/v2")
DONE: Final[dict[int | str, dict[str, Any]]] = {200: {"description": "Done; the body is empty"}}
BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"} if "octet" in kind else {}}
            for kind in (
                "application/json",
                "application/octet-stream",
                "application/cloudevents+json",
                "application/cloudevents-batch+json",
            )
        },
    }
}
PROBLEMS: Final = {**DONE, **responses(400, 409, 413, 422, 503)}
Model = Annotated[str | None, Query(description="Name of the model; else what the event says.")]


@router.post(PATHS[0], response_class=Response, responses=PROBLEMS, openapi_extra=BODY)
@router.post(PATHS[1], response_class=Response, responses=PROBLEMS, openapi_extra=BODY)
async def post_events(
    request: Request,
    service: ServiceDep,
    intake: IntakeDep,
    holder: HolderDep,
    model: Model = None,
    version: Version = None,
) -> Response:
    """Commit events of calls, each once; request and response are counted together, whichever comes first."""
    asked = Asked(model, version, holder)
    try:
        async with intake.body(request) as body:
            request.state.rows = await run_in_threadpool(events.receive, service, request.headers, body, asked=asked)
    except BadRequest as problem:
        return _as_event(request, problem)
    return Response()


@router.head(PATHS[0], include_in_schema=False)
@router.head(PATHS[1], include_in_schema=False)
@router.get(PATHS[0], response_class=Response, responses=DONE)
@router.get(PATHS[1], response_class=Response, responses=DONE)
def look_at_events() -> Response:
    """Answer a health check."""
    return Response()


def _as_event(request: Request, problem: BadRequest) -> Response:
    """Write a problem as an event in binary form, which brokers take for an answer and people can read."""
    written = answer(request, problem)
    written.headers["ce-specversion"] = "1.0"
    written.headers["ce-id"] = request.state.request_id
    written.headers["ce-source"] = request.url.path
    written.headers["ce-type"] = "driftgauge.problem"
    return written
