"""`/v1/models/{model}/thresholds`: the lines, and who drew them."""

from fastapi import APIRouter
from starlette.responses import Response

from app.api.bodies import BudgetBody, ThresholdBody
from app.api.context import AuthorDep, ServiceDep
from app.api.json import Json
from app.api.names import ModelName, Version
from app.api.problems import responses
from app.drift.scores import Statistic
from app.monitor import models, thresholds

router = APIRouter(tags=["thresholds"])
PROBLEMS = responses(404, 422, 503)


@router.get("/v1/models/{model}/thresholds", responses=PROBLEMS)
def list_thresholds(model: ModelName, service: ServiceDep) -> Response:
    """List every effective threshold with where it comes from."""
    return Json(thresholds.effective(service, service.catalog.watched(model)))


@router.put("/v1/models/{model}/thresholds", responses={**PROBLEMS, **responses(400)})
def put_threshold(model: ModelName, body: ThresholdBody, service: ServiceDep, author: AuthorDep) -> Response:
    """Draw the lines of one statistic; on /metrics at the next scrape."""
    return Json(thresholds.put(service, model, body.model_dump(), author=author))


@router.delete("/v1/models/{model}/thresholds", status_code=204, responses=PROBLEMS)
def delete_threshold(
    model: ModelName,
    statistic: Statistic,
    service: ServiceDep,
    author: AuthorDep,
    version: Version,
    feature: str | None = None,
) -> Response:
    """Go back to the default."""
    thresholds.delete(service, model, statistic=statistic.value, feature=feature, version=version, author=author)
    return Response(status_code=204)


@router.put("/v1/models/{model}/alert-budget", responses={**PROBLEMS, **responses(400)})
def put_budget(model: ModelName, body: BudgetBody, service: ServiceDep, author: AuthorDep) -> Response:
    """Set the pages a month that the owner accepts."""
    service.catalog.watched(model, fresh=True)
    models.put_model(service, model, {"alert_budget": body.model_dump()}, author=author)
    return Json({"pages_per_month": body.pages_per_month})
