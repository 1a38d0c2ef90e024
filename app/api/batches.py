"""`/v1/models/{model}/batches` and `/histograms`: rows and counts in."""

import json
import uuid
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api import roads
from app.api.answers import ANY, RECEIPT, answers
from app.api.context import IntakeDep, ServiceDep
from app.api.json import Json
from app.api.names import BATCH_ID_BYTES, BatchId, ModelName, Version
from app.api.problems import responses
from app.monitor import ingest
from app.wire.names import check_name

router = APIRouter(tags=["ingest"])

ROWS = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in (
                "application/json",
                "application/x-ndjson",
                "text/csv",
                "application/vnd.apache.parquet",
                "application/vnd.apache.arrow.stream",
                "application/msgpack",
            )
        },
    }
}
PROBLEMS = {**answers(RECEIPT), **responses(400, 404, 409, 413, 415, 422, 503)}
Backfill = Annotated[bool, Query(description="History: no horizon, and the id is remembered for ever.")]
Dedupe = Annotated[
    Literal["body"] | None,
    Query(description="`body`: the same bytes are the same batch, as log shippers retry; theirs are without asking."),
]
SHIPPERS: Final = ("fluent-bit", "vector/")
RowCount = Annotated[int | None, Header(alias="X-Row-Count", ge=0, description="Rows in the body.")]


@router.put("/v1/models/{model}/batches/{batch_id}", responses=PROBLEMS, openapi_extra=ROWS)
async def put_batch(
    request: Request,
    model: ModelName,
    batch_id: BatchId,
    service: ServiceDep,
    intake: IntakeDep,
    version: Version = None,
    backfill: Backfill = False,
    x_row_count: RowCount = None,
) -> Response:
    """Count a batch of rows once; the answer means that it is committed."""
    async with intake.body(request) as body:
        envelope = ingest.Envelope.of(batch_id, request.headers, version=version, backfill=backfill, rows=x_row_count)
        receipt = await roads.batch(service, model, envelope=envelope, body=body)
    return counted(request, receipt)


@router.post("/v1/models/{model}/batches", responses=PROBLEMS, openapi_extra=ROWS)
async def post_batch(
    request: Request,
    model: ModelName,
    service: ServiceDep,
    intake: IntakeDep,
    version: Version = None,
    idempotency_key: Annotated[str | None, Header(description="Id of the batch.")] = None,
    x_row_count: RowCount = None,
    dedupe: Dedupe = None,
) -> Response:
    """Count a batch of rows; without an Idempotency-Key or `dedupe=body` a retry counts twice."""
    shipped = dedupe is not None or request.headers.get("user-agent", "").lower().startswith(SHIPPERS)
    key = idempotency_key if idempotency_key is not None or shipped else uuid.uuid4().hex
    if key is not None:
        check_name(key, "Idempotency-Key", limit=BATCH_ID_BYTES)
    async with intake.body(request) as body:
        envelope = ingest.Envelope.of(
            key, request.headers, version=version, backfill=False, rows=x_row_count, shipped=shipped
        )
        receipt = await roads.batch(service, model, envelope=envelope, body=body)
    return counted(request, receipt)


@router.head("/v1/models/{model}/batches", include_in_schema=False)
@router.get("/v1/models/{model}/batches", responses={**answers(ANY), **responses(404, 422)})
def look_at_batches(model: ModelName) -> Response:  # noqa: ARG001 - checked, not used
    """Answer the health check of a log shipper."""
    return Json({})


@router.get("/v1/models/{model}/batches/{batch_id}", responses={**answers(RECEIPT), **responses(404, 422, 503)})
def get_batch(model: ModelName, batch_id: BatchId, service: ServiceDep) -> Response:
    """Read the stored receipt of a batch."""
    return Json(json.loads(ingest.receipt(service, model, batch_id)))


@router.put(
    "/v1/models/{model}/histograms/{batch_id}",
    responses=PROBLEMS,
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def put_histograms(
    request: Request,
    model: ModelName,
    batch_id: BatchId,
    service: ServiceDep,
    intake: IntakeDep,
    backfill: Backfill = False,
) -> Response:
    """Add window histograms that the sender has binned; counted once, like a batch."""
    async with intake.body(request) as body:
        envelope = ingest.Envelope.of(batch_id, request.headers, version=None, backfill=backfill, rows=None)
        receipt = await roads.histograms(service, model, envelope=envelope, body=body)
    return counted(request, receipt)


def counted(request: Request, receipt: dict[str, Any]) -> Response:
    """Answer with the receipt, and tell the quota how many rows it is about."""
    request.state.rows = receipt["rows"]["received"]
    return Json(receipt)
