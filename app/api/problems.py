"""How an error looks over HTTP: RFC 9457 with a stable code."""

import math
import random
import uuid
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from app.api.codes import CODES, title
from app.api.json import encode
from app.errors import Problem

MEDIA_TYPE = "application/problem+json"
PROBLEM = "#/components/schemas/Problem"
_CODES = {
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid-request",
    HTTPStatus.BAD_REQUEST: "undecodable",
}
_RETRY_AFTER_S = 2
_LONGEST_WAIT_S = 30


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the problem answers of an operation for its OpenAPI."""
    return {
        status: {
            "description": description(status),
            "content": {MEDIA_TYPE: {"schema": {"$ref": PROBLEM}}},
        }
        for status in statuses
    }


def description(status: int) -> str:
    """Name the codes of a status, for the OpenAPI."""
    codes = ", ".join(f"`{name}`" for name, code in CODES.items() if code.status == status)
    return f"{HTTPStatus(status).phrase}: {codes}" if codes else HTTPStatus(status).phrase


def raw_answer(status: HTTPStatus, code: str, *, detail: str, retry_after: int | None) -> bytes:
    """Write a problem as the bytes of a last answer on a connection."""
    document = _document(status, code, detail=detail, retryable=CODES[code].retryable)
    body = encode(document | {"instance": f"req_{uuid.uuid4().hex}", "stored": "none"})
    head = [
        f"HTTP/1.1 {int(status)} {status.phrase}",
        f"content-type: {MEDIA_TYPE}",
        f"content-length: {len(body)}",
        "connection: close",
    ]
    if retry_after is not None:
        head.append(f"retry-after: {retry_after}")
    return "\r\n".join([*head, "", ""]).encode("ascii") + body


def install(app: FastAPI) -> None:
    """Answer every error of an application as a problem document."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def answer(request: Request, problem: Problem) -> Response:
    """Write a problem as the answer to a request; what it was raised from is let go of."""
    forget(problem)
    wait = problem.retry_after
    if problem.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        wait = jittered(wait or _RETRY_AFTER_S)
    return _answer(
        request,
        problem.status,
        problem.code,
        detail=problem.detail,
        retryable=problem.may_retry,
        stored=problem.stored,
        retry_after=wait,
        extra=problem.extra,
    )


def forget(error: Exception) -> None:
    """Let go of the frames of an error; a future that still knows it would keep what their variables hold."""
    error.__traceback__ = error.__context__ = error.__cause__ = None


def jittered(seconds: int) -> int:
    """Spread a time of waiting by 30 %, in whole seconds from 1 to 30."""
    return max(1, min(_LONGEST_WAIT_S, math.ceil(seconds * random.uniform(0.7, 1.3))))


def _problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, Problem):
        raise error
    return answer(request, error)


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
    if isinstance(error.__cause__, Problem):
        return answer(request, error.__cause__)
    status = HTTPStatus(error.status_code)
    code = _CODES.get(status, status.phrase.lower().replace(" ", "-"))
    written = _answer(request, status, code, detail=status.description or status.phrase)
    written.headers.update(error.headers or {})
    return written


def bug(request: Request) -> Response:
    """Answer for an error that nobody expected."""
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
        **_document(status, code, detail=detail, retryable=retryable),
        "instance": request.scope.get("state", {}).get("request_id") or f"req_{uuid.uuid4().hex}",
        "stored": stored,
        **(extra or {}),
    }
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Response(encode(body), status, headers, MEDIA_TYPE)


def _document(status: HTTPStatus, code: str, *, detail: str, retryable: bool) -> dict[str, object]:
    return {
        "type": f"/problems/{code}",
        "title": title(code),
        "status": int(status),
        "detail": detail,
        "code": code,
        "retryable": retryable,
    }
