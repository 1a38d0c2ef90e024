"""`/v1/models`: what is watched."""

from fastapi import APIRouter
from starlette.responses import Response

from app.api.answers import MODEL, answers, many
from app.api.bodies import ModelBody
from app.api.context import AuthorDep, HolderDep, ServiceDep
from app.api.json import Json
from app.api.names import ModelName
from app.api.preconditions import ConditionDep
from app.api.problems import responses
from app.monitor import models

router = APIRouter(tags=["models"])
UNCHANGED = ModelBody()


@router.put(
    "/v1/models/{model}",
    status_code=201,
    responses={**answers(MODEL, 200, 201, tagged=True), **responses(400, 412, 422)},
)
def put_model(
    model: ModelName,
    service: ServiceDep,
    author: AuthorDep,
    condition: ConditionDep,
    body: ModelBody = UNCHANGED,
) -> Response:
    """Create a model or change the given fields of its configuration; without a body everything has its default."""
    changes = body.model_dump(exclude_unset=True)
    document, created = models.put_model(service, model, changes, author=author, condition=condition)
    return Json(document, 201 if created else 200, {"ETag": models.tag(document)})


@router.get("/v1/models", responses=answers(many(MODEL)))
def list_models(service: ServiceDep, holder: HolderDep) -> Response:
    """List the models that the key may see, with their configuration."""
    watched = [service.catalog.watched(name) for name in service.catalog.names() if holder.sees(name)]
    return Json([models.describe(one) for one in watched])


@router.get("/v1/models/{model}", responses={**answers(MODEL, tagged=True), **responses(404, 422)})
def get_model(model: ModelName, service: ServiceDep) -> Response:
    """Read a model's effective configuration."""
    document = models.describe(service.catalog.watched(model, fresh=True))
    return Json(document, headers={"ETag": models.tag(document)})


@router.delete("/v1/models/{model}", status_code=204, responses=responses(404, 412, 422))
def delete_model(model: ModelName, service: ServiceDep, author: AuthorDep, condition: ConditionDep) -> Response:
    """Remove a model, its windows and its series."""
    models.delete_model(service, model, author=author, condition=condition)
    return Response(status_code=204)
