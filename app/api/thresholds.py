"""`/v1/models/{model}/thresholds`: the lines, and who drew them."""

from fastapi import APIRouter
from starlette.responses import Response

from app.api.answers import LINE, NUMBER, THRESHOLD, answers, many, record
from app.api.bodies import BudgetBody, ThresholdBody
from app.api.context import AuthorDep, ServiceDep
from app.api.json import Json
from app.api.names import Feature, ModelName, Version
from app.api.preconditions import ConditionDep
from app.api.problems import responses
from app.drift.scores import Statistic
from app.monitor import models, thresholds

router = APIRouter(tags=["thresholds"])
PROBLEMS = responses(404, 422, 503)
BUDGET = answers(record(pages_per_month=NUMBER), tagged=True)


@router.get("/v1/models/{model}/thresholds", responses={**answers(many(LINE), tagged=True), **PROBLEMS})
def list_thresholds(model: ModelName, service: ServiceDep) -> Response:
    """List every effective threshold with where it comes from."""
    watched = service.catalog.watched(model, fresh=True)
    tag = thresholds.tag(service, watched)
    return Json(thresholds.effective(service, watched), headers={"ETag": tag})


@router.put("/v1/models/{model}/thresholds", responses={**answers(THRESHOLD), **PROBLEMS, **responses(400, 412)})
def put_threshold(
    model: ModelName, body: ThresholdBody, service: ServiceDep, author: AuthorDep, condition: ConditionDep
) -> Response:
    """Draw the lines of one statistic; on /metrics at the next scrape."""
    return Json(thresholds.put(service, model, body.model_dump(), author=author, condition=condition))


@router.delete("/v1/models/{model}/thresholds", status_code=204, responses={**PROBLEMS, **responses(412)})
def delete_threshold(
    model: ModelName,
    statistic: Statistic,
    service: ServiceDep,
    author: AuthorDep,
    condition: ConditionDep,
    version: Version,
    feature: Feature,
) -> Response:
    """Go back to the default."""
    thresholds.delete(
        service,
        model,
        statistic=statistic.value,
        feature=feature,
        version=version,
        author=author,
        condition=condition,
    )
    return Response(status_code=204)


@router.put("/v1/models/{model}/alert-budget", responses={**BUDGET, **PROBLEMS, **responses(400, 412)})
def put_budget(
    model: ModelName, body: BudgetBody, service: ServiceDep, author: AuthorDep, condition: ConditionDep
) -> Response:
    """Set the pages a month that the owner accepts."""
    service.catalog.watched(model, fresh=True)
    changes = {"alert_budget": body.model_dump()}
    document, _ = models.put_model(service, model, changes, author=author, condition=condition)
    return Json({"pages_per_month": body.pages_per_month}, headers={"ETag": models.tag(document)})
