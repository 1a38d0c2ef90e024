"""`/v1/models/{model}/undecodable`: what was sent for a model and could not be read."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from app.api.answers import INSTANT, TEXT, WHOLE, answers, many, maybe, record
from app.api.context import ServiceDep
from app.api.json import Json
from app.api.names import ModelName
from app.api.problems import responses
from app.monitor import samples

router = APIRouter(tags=["reading"])

SAMPLE: Final = record(
    format=TEXT,
    reason=TEXT,
    count=WHOLE,
    content_type=TEXT,
    size=WHOLE,
    body=maybe(TEXT),
    first=INSTANT,
    last=INSTANT,
)


@router.get("/v1/models/{model}/undecodable", responses={**answers(many(SAMPLE)), **responses(404, 422, 503)})
def list_undecodable(model: ModelName, service: ServiceDep) -> Response:
    """List up to ten reasons why bodies were refused, the newest first; bytes only where the settings keep them."""
    return Json(samples.listed(service, service.catalog.watched(model)))
