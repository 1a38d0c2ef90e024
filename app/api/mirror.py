"""The paths of model servers, for proxies that mirror their requests."""

from contextlib import suppress
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from app.api import roads
from app.api.answers import ANY, answers
from app.api.context import HolderDep, IntakeDep, ServiceDep
from app.api.json import Json
from app.api.models import get_model
from app.api.names import ModelName, Version, decoded
from app.api.problems import responses
from app.errors import NotFound
from app.monitor.halves import Asked
from app.monitor.keyring import Scope

router = APIRouter(tags=["ingest"])

V2: Final = "/v2/models/{model}/infer"
V2_VERSION: Final = "/v2/models/{model}/versions/{version}/infer"
VERB: Final = ":predict"
V1: Final = "/v1/models/{model}" + VERB
DONE: Final = answers(ANY)
PROBLEMS: Final = {**DONE, **responses(400, 404, 409, 413, 422, 503)}
_BYTES: Final = {"schema": {"type": "string", "format": "binary"}}
BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {}}, "application/octet-stream": _BYTES},
    },
    "parameters": [
        {
            "name": "model",
            "in": "query",
            "description": "Name of the model; else that of the path.",
            "schema": {"type": "string"},
        }
    ],
}


def arm(version: Annotated[str, Path(description="Version of the model.")]) -> str | None:
    """Read the version from the path."""
    return decoded(version, "version") or None


PathVersion = Annotated[str | None, Depends(arm)]


@router.post(V2, responses=PROBLEMS, openapi_extra=BODY)
async def infer(
    request: Request, model: ModelName, service: ServiceDep, intake: IntakeDep, version: Version = None
) -> Response:
    """Count the rows of an Open Inference request, JSON or binary tensors."""
    return await _mirrored(request, model, version, service=service, intake=intake, kind="v2")


@router.post(V2_VERSION, responses=PROBLEMS, openapi_extra=BODY)
async def infer_version(
    request: Request, model: ModelName, version: PathVersion, service: ServiceDep, intake: IntakeDep
) -> Response:
    """Count the rows of an Open Inference request to one version."""
    said = request.query_params.get("version")
    return await _mirrored(request, model, said or version, service=service, intake=intake, kind="v2")


@router.post(V1, responses=PROBLEMS, openapi_extra=BODY)
async def predict(
    request: Request, model: ModelName, service: ServiceDep, intake: IntakeDep, version: Version = None
) -> Response:
    """Count the rows of a prediction request: instances, columnar inputs, or an MLflow frame."""
    return await _mirrored(request, model, version, service=service, intake=intake, kind="v1")


@router.head(V2, include_in_schema=False)
@router.head(V2_VERSION, include_in_schema=False)
@router.get(V2, responses=DONE)
@router.get(V2_VERSION, responses=DONE)
def look_at_mirror() -> Response:
    """Answer a health check."""
    return Json({})


@router.head(V1, include_in_schema=False)
@router.get(V1, responses={**DONE, **responses(404, 422)})
def look_at_predict(model: ModelName, service: ServiceDep, holder: HolderDep) -> Response:
    """Answer a health check, unless there is a model that goes by this whole name: then read it."""
    whole = f"{model}{VERB}"
    with suppress(NotFound):
        if holder.sees(whole) and Scope.READ in holder.scopes:
            return get_model(whole, service)
    return Json({})


async def _mirrored(
    request: Request, model: str, version: str | None, *, service: ServiceDep, intake: IntakeDep, kind: str
) -> Response:
    asked = Asked(request.query_params.get("model"), version, request.state.holder)
    async with intake.body(request) as body:
        receipt = await roads.mirrored(service, model, asked=asked, request=request, body=body, kind=kind)
    request.state.rows = receipt["rows"]["received"]
    return Json({})
