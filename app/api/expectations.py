"""`/v1/models/{model}/expectations`: data contracts, and what became of them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.api.answers import ANY, FLAG, INSTANT, NUMBER, TEXT, WHOLE, answers, choice, many, maybe, record
from app.api.context import AuthorDep, IntakeDep, ServiceDep
from app.api.json import Json
from app.api.names import ModelName, Version, decoded
from app.api.problems import responses
from app.api.ranges import PageDep, RangeDep
from app.monitor import expectations
from app.wire.jsontext import load_json
from app.wire.names import check_name

router = APIRouter(tags=["expectations"])
NAME_BYTES = 128
PROBLEMS = responses(404, 422, 503)
EXPECTATION = record(type=TEXT, kwargs=ANY, severity=choice("critical", "warning", "info"), exact=FLAG)
SUITE = record(
    version=WHOLE,
    status=choice("active", "inactive"),
    name=TEXT,
    source=TEXT,
    values=FLAG,
    created_at=INSTANT,
    activated_at=maybe(INSTANT),
    expectations=many(EXPECTATION),
)
OUTCOME = record(
    expectation=TEXT,
    kwargs=ANY,
    severity=TEXT,
    success=FLAG,
    unexpected_ratio=maybe(NUMBER),
    exact=FLAG,
    error=maybe(TEXT),
)
RESULT = record(
    window_start=INSTANT,
    version=TEXT,
    suite=TEXT,
    suite_version=WHOLE,
    rows=WHOLE,
    sample_rows=WHOLE,
    computed_at=INSTANT,
    results=many(OUTCOME),
)
BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}

Activate = Annotated[bool, Query(description="Let it hold at once.")]


def wanted_suite(
    suite: Annotated[str | None, Query(description="Name of a suite; all if none.")] = None,
) -> str | None:
    """Read an optional name of a suite."""
    return None if not suite else check_name(suite, "suite", limit=NAME_BYTES)


Suite = Annotated[str | None, Depends(wanted_suite)]
SuiteName = Annotated[str, Path(description="Name of the suite.")]
Number = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Version of the suite.")]
Status = Annotated[str | None, Query(pattern="^(active|inactive)$", description="Only suites of this status.")]


@router.post(
    "/v1/models/{model}/expectations",
    status_code=201,
    responses={**answers(SUITE, 201), **PROBLEMS, **responses(400, 413)},
    openapi_extra=BODY,
)
async def post_suite(
    request: Request,
    model: ModelName,
    service: ServiceDep,
    intake: IntakeDep,
    author: AuthorDep,
    activate: Activate = True,
    values: Annotated[bool, Query(description="Keep examples of unexpected values with the results.")] = False,
) -> Response:
    """Take a suite of Great Expectations 1.x as its `to_json_dict` writes it."""
    await run_in_threadpool(service.catalog.watched, model, fresh=True)
    async with intake.body(request) as body:
        made = await run_in_threadpool(
            lambda: expectations.post(
                service,
                model,
                load_json(body),
                source="posted",
                activate=activate,
                show_values=values,
                author=author,
            )
        )
    return Json(made, 201)


@router.post(
    "/v1/models/{model}/expectations/from-baseline",
    status_code=201,
    responses={**answers(SUITE, 201), **PROBLEMS, **responses(409)},
)
def post_from_baseline(
    model: ModelName,
    service: ServiceDep,
    author: AuthorDep,
    suite: Suite,
    baseline: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Number of a baseline.")] = None,
    activate: Activate = True,
) -> Response:
    """Derive a suite from a baseline, the active one unless told."""
    made = expectations.from_baseline(service, model, number=baseline, suite=suite, activate=activate, author=author)
    return Json(made, 201)


@router.get("/v1/models/{model}/expectations", responses={**answers(many(SUITE)), **PROBLEMS})
def list_suites(
    model: ModelName,
    service: ServiceDep,
    page: PageDep,
    suite: Suite,
    version: Number = None,
    status: Status = None,
) -> Response:
    """List the model's suites by name and version."""
    watched = service.catalog.watched(model)
    active = None if status is None else status == "active"
    return page.answer(expectations.listed(service, watched, suite=suite, number=version, active=active))


@router.get("/v1/models/{model}/expectations/results", responses={**answers(many(RESULT)), **PROBLEMS})
def list_results(
    model: ModelName, service: ServiceDep, when: RangeDep, page: PageDep, version: Version, suite: Suite
) -> Response:
    """List what became of every expectation, window by window."""
    found = expectations.outcomes(
        service, service.catalog.watched(model), from_us=when.from_us, to_us=when.to_us, version=version, suite=suite
    )
    return page.answer(found)


@router.post("/v1/models/{model}/expectations/{suite}/activate", responses={**answers(SUITE), **PROBLEMS})
def post_activate(
    model: ModelName, suite: SuiteName, service: ServiceDep, author: AuthorDep, version: Number = None
) -> Response:
    """Let a version of a suite hold, the newest unless told."""
    return Json(
        expectations.activate(service, model, decoded(suite, "suite", limit=NAME_BYTES), number=version, author=author)
    )


@router.delete("/v1/models/{model}/expectations/{suite}", status_code=204, responses=PROBLEMS)
def delete_suite(model: ModelName, suite: SuiteName, service: ServiceDep, author: AuthorDep) -> Response:
    """Let no version of a suite hold; its results stay."""
    expectations.retire(service, model, decoded(suite, "suite", limit=NAME_BYTES), author=author)
    return Response(status_code=204)
