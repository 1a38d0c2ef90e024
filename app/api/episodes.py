"""Episodes, verdicts, explanations and backtests."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from app.api.bodies import BacktestBody, VerdictBody
from app.api.context import AuthorDep, ServiceDep
from app.api.json import Json
from app.api.names import Feature, FeatureName, ModelName, Version, WindowLength
from app.api.problems import responses
from app.api.ranges import Instant, PageDep, RangeDep
from app.monitor import backtest, explanations, judgements
from app.monitor.instants import read_instant

router = APIRouter(tags=["episodes"])
PROBLEMS = responses(404, 422, 503)
IN_FORCE = BacktestBody()
EpisodeId = Annotated[str, Path(description="Id of the episode.")]


@router.get("/v1/models/{model}/episodes", responses=PROBLEMS)
def list_episodes(
    model: ModelName,
    service: ServiceDep,
    when: RangeDep,
    page: PageDep,
    version: Version,
    feature: Feature,
    window: WindowLength,
) -> Response:
    """List the episodes that start in the range, oldest first; of own windows, `1d`, `1w` or `all`."""
    found = judgements.listed(
        service,
        service.catalog.watched(model),
        from_us=when.from_us,
        to_us=when.to_us,
        feature=feature,
        version=version,
        window=window,
    )
    return page.answer(found)


@router.post("/v1/models/{model}/episodes/{episode}/verdict", responses={**PROBLEMS, **responses(400)})
def post_verdict(
    model: ModelName, episode: EpisodeId, body: VerdictBody, service: ServiceDep, author: AuthorDep
) -> Response:
    """Say whether an episode was normal; its windows then join the trailing reference."""
    return Json(judgements.give(service, model, episode, verdict=body.verdict, note=body.note, author=author))


@router.get("/v1/models/{model}/features/{feature}/explanation", responses=PROBLEMS)
def get_explanation(
    model: ModelName,
    feature: FeatureName,
    service: ServiceDep,
    version: Version,
    window: WindowLength,
    window_start: Instant = None,
) -> Response:
    """Tell what stands out in one feature of one window, local day or week, the newest when none is named."""
    start = None if window_start is None else read_instant(window_start, "window_start")
    watched = service.catalog.watched(model)
    return Json(explanations.document(service, watched, feature, start_us=start, version=version, window=window))


@router.post("/v1/models/{model}/backtest", responses={**PROBLEMS, **responses(400)})
def post_backtest(model: ModelName, service: ServiceDep, body: BacktestBody = IN_FORCE) -> Response:
    """Tell what would have alerted in the past under a budget or thresholds; changes nothing."""
    asked = backtest.question(body.model_dump(by_alias=True))
    return Json(backtest.backtest(service, service.catalog.watched(model), asked))
