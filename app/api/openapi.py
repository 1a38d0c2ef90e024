"""What the generated OpenAPI does not know by itself: who may call what, and how every problem looks."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.bodies import ProblemBody
from app.api.codes import CODES
from app.api.problems import MEDIA_TYPE, PROBLEM, description
from app.api.scopes import Access, Body, access

_METHODS: Final = ("get", "put", "post", "delete", "patch", "head", "options")
_PROBLEM: Final = {MEDIA_TYPE: {"schema": {"$ref": PROBLEM}}}
_EVERYWHERE: Final = (400, 401, 403, 408, 429, 431, 503)
_PUBLIC: Final = (408, 431, 503)


def install(app: FastAPI) -> None:
    """Let an application describe itself in full."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            plain = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            app.openapi_schema = completed(plain)
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """Add schemes, scopes and problems to an OpenAPI document."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas["Problem"] = ProblemBody.model_json_schema()
    schemas["Problem"]["properties"]["code"]["enum"] = sorted(CODES)
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
        "basic": {"type": "http", "scheme": "basic", "description": "Any user; an API key as the password."},
    }
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                _complete(item[method], access(method.upper(), path))
    return document


def _complete(operation: dict[str, Any], needed: Access) -> None:
    if needed.scopes is None:
        operation["security"] = []
    else:
        scopes = sorted(needed.scopes)
        operation["security"] = [{scheme: [scope]} for scope in scopes for scheme in ("bearer", "basic")]
        operation["x-scopes"] = scopes
        if needed.backfill:
            operation["x-scopes-backfill"] = ["admin"]
    responses = operation["responses"]
    extra = set(_PUBLIC if needed.scopes is None else _EVERYWHERE)
    if "requestBody" in operation or needed.body is not Body.DOCUMENT:
        extra.add(413)
    for status in extra - {int(known) for known in responses if known.isdigit()}:
        responses[str(status)] = {"description": description(status)}
    for status, response in responses.items():
        if status.isdigit() and int(status) >= 400 and "application/json" not in response.get("content", {}):  # noqa: PLR2004 - the first problem
            response["content"] = _PROBLEM
        if status == "422":
            response["content"] = _PROBLEM
            response["description"] = description(422)
