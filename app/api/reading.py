"""Windows, histograms, scores and status out."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import HISTOGRAMS, SCORE, WHOLE, WINDOW, answers, many, record, tables
from app.api.context import ServiceDep
from app.api.json import Json
from app.api.names import Feature, ModelName, Version, WindowLength
from app.api.problems import responses
from app.api.ranges import PageDep, RangeDep
from app.api.tabular import ARROW, CSV, tabular
from app.drift.scores import Statistic
from app.monitor import evaluate, reading, status
from app.monitor.instants import read_instant

router = APIRouter(tags=["reading"])
PROBLEMS = responses(404, 422, 503)


def window_start(start: Annotated[str, Path(description="Start of the window.")]) -> int:
    """Read the window's start from the path."""
    return read_instant(start.replace("%3A", ":").replace("%3a", ":").replace("%2B", "+"), "start")


Start = Annotated[int, Depends(window_start)]


@router.get("/v1/models/{model}/windows", responses={**answers(many(WINDOW)), **PROBLEMS})
def list_windows(
    model: ModelName, service: ServiceDep, when: RangeDep, page: PageDep, version: Version, window: WindowLength
) -> Response:
    """List the windows that hold rows, consistent with every receipt already sent."""
    watched = service.catalog.watched(model)
    return page.answer(
        reading.list_windows(service, watched, from_us=when.from_us, to_us=when.to_us, version=version, window=window)
    )


@router.get("/v1/models/{model}/windows/{start}/histograms", responses={**answers(HISTOGRAMS), **PROBLEMS})
def get_histograms(
    model: ModelName,
    start: Start,
    service: ServiceDep,
    version: Version,
    feature: Feature,
    baseline: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> Response:
    """Read the integer counts of one window by bin."""
    watched = service.catalog.watched(model)
    return Json(reading.histograms(service, watched, start, version=version, feature=feature, baseline=baseline))


@router.get("/v1/models/{model}/scores", responses={**tables(many(SCORE), CSV, ARROW), **PROBLEMS})
def list_scores(
    request: Request,
    model: ModelName,
    service: ServiceDep,
    when: RangeDep,
    page: PageDep,
    version: Version,
    feature: Feature,
    window: WindowLength,
    statistic: Statistic | None = None,
) -> Response:
    """List scores as JSON, or as CSV or Arrow when asked for in Accept."""
    rows = reading.list_scores(
        service,
        service.catalog.watched(model),
        feature=feature,
        statistic=None if statistic is None else statistic.value,
        from_us=when.from_us,
        to_us=when.to_us,
        version=version,
        window=window,
    )
    return tabular(request.headers.get("accept", ""), rows) or page.answer(rows)


@router.get("/v1/models/{model}/status", responses=PROBLEMS)
def get_status(model: ModelName, service: ServiceDep) -> Response:
    """Read the state of every feature of every version."""
    return Json(status.document(service, service.catalog.watched(model)))


@router.post("/v1/models/{model}/evaluate", responses={**answers(record(windows=WHOLE, scores=WHOLE)), **PROBLEMS})
def post_evaluate(model: ModelName, service: ServiceDep, when: RangeDep) -> Response:
    """Score every closed window of the range now; visible when this answers."""
    watched = service.catalog.watched(model, fresh=True)
    done = evaluate.evaluate_now(service, watched, from_us=when.from_us, to_us=when.to_us)
    return Json({"windows": done.windows, "scores": done.scores})
