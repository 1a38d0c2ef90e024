"""How an error looks over HTTP: RFC 9457 with a stable code."""

import uuid
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from app.api.bodies import ProblemBody
from app.api.json import encode
from app.errors import Problem

MEDIA_TYPE = "application/problem+json"
_CODES = {
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid-request",
    HTTPStatus.BAD_REQUEST: "undecodable",
}
log = structlog.get_logger()


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the problem answers of an operation for its OpenAPI."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": ProblemBody.model_json_schema()}},
        }
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Answer every error of an application as a problem document."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _bug)


def _problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, Problem):
        raise error
    return _answer(
        request,
        error.status,
        error.code,
        detail=error.detail,
        retryable=error.may_retry,
        stored=error.stored,
        retry_after=error.retry_after,
        extra=error.extra,
    )


def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    pointer = "/" + "/".join(str(part) for part in first["loc"][1:])
    if first["type"] == "json_invalid":
        return _answer(request, HTTPStatus.BAD_REQUEST, "undecodable", detail="the body is not JSON")
    detail = f"{first['loc'][0]} {pointer}: {first['msg']}"[:300]
    return _answer(
        request, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail=detail, extra={"pointer": pointer}
    )


def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    code = _CODES.get(status, status.phrase.lower().replace(" ", "-"))
    answer = _answer(request, status, code, detail=status.description or status.phrase)
    answer.headers.update(error.headers or {})
    return answer


def _bug(request: Request, error: Exception) -> Response:
    log.error("unexpected error", path=request.scope["path"], error=type(error).__name__, exc_info=error)
    return _answer(
        request,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal",
        detail="an unexpected error; it has been logged",
        retryable=True,
        stored="unknown",
    )


def _answer(
    request: Request,
    status: HTTPStatus,
    code: str,
    *,
    detail: str,
    retryable: bool = False,
    stored: str = "none",
    retry_after: int | None = None,
    extra: dict[str, object] | None = None,
) -> Response:
    body = {
        "type": f"/problems/{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": int(status),
        "detail": detail,
        "instance": request.headers.get("x-request-id") or f"req_{uuid.uuid4().hex}",
        "code": code,
        "retryable": retryable,
        "stored": stored,
        **(extra or {}),
    }
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Response(encode(body), status, headers, MEDIA_TYPE)
