"""The whole OpenAPI, thrown at the real service."""

import contextlib
import re
from typing import Any, Final

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import APIOperation, BaseSchema, Case, GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok

from api.locked import Locked
from app.api.codes import CODES

# A schema cannot say that bytes are Parquet, that a name is in normal form C or that one instant is before another.
MEANING: Final = ["2xx", "400", "404", "409", "412", "415", "422"]
HOSTILE: Final = ("%00", "%ED%A0%80", "%FF", "..%2F", "9" * 40, "-1", "1e999", "%E2%80%AE", "%F0%9F%98%80")
SETTINGS: Final = hypothesis.settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def schema(locked: Locked) -> BaseSchema:
    """The OpenAPI of a service that knows a few models."""
    admin = locked.made[0]
    for name in ("0", "a"):
        locked.call("PUT", f"/v1/models/{name}", admin, json={})
        rows = {"rows": [{"x": number, "timestamp": 1.7e9} for number in range(50)]}
        locked.call("POST", f"/v1/models/{name}/baselines?activate=true", admin, json=rows)
    loaded = schemathesis.openapi.from_dict(locked.call("GET", "/openapi.json", admin).json())
    loaded.config.update(base_url=locked.service.url)
    loaded.config.checks.positive_data_acceptance.expected_statuses = MEANING
    return loaded


def fuzz(operation: APIOperation[Any, Any, Any, Any], key: str) -> None:
    """Send an operation what it asks for and what it does not, and hold every answer against the OpenAPI."""

    @hypothesis.given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    @SETTINGS
    def unlawful(case: Case[Any]) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {key}"})

    @hypothesis.given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    @SETTINGS
    def lawful(case: Case[Any]) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {key}"})

    lawful()
    with contextlib.suppress(hypothesis.errors.Unsatisfiable):
        unlawful()


@pytest.mark.timeout(600)
def test_every_operation(locked: Locked, schema: BaseSchema) -> None:
    """Whatever is sent, the answer is one that the OpenAPI names, in the shape that it gives."""
    found = []
    for each in schema.get_all_operations():
        assert isinstance(each, Ok)
        operation = each.ok()
        try:
            fuzz(operation, locked.made[0])
        except (FailureGroup, Failure, BaseExceptionGroup) as failure:
            found.append(f"{operation.label}: {failure!r} {failure}")
    assert not found, "\n\n".join(found)


def test_every_problem_is_named(locked: Locked) -> None:
    """The OpenAPI and /problems name the same codes, and every operation says how it fails."""
    document = locked.call("GET", "/openapi.json", locked.made[0]).json()
    listed: list[dict[str, Any]] = locked.call("GET", "/problems", locked.made[0]).json()
    assert [one["code"] for one in listed] == list(CODES)
    assert document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == sorted(CODES)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            problems = {status for status in operation["responses"] if status >= "400"}
            assert problems >= {"408", "431", "503"}, (method, path)
            assert not operation["security"] or problems >= {"400", "401", "403", "429"}, (method, path)


@pytest.mark.parametrize(
    "bad", ["%00", "%ED%A0%80", "%FF", "..%2F", "9" * 40, "-1", "1e999", "%E2%80%AE", "%F0%9F%98%80"]
)
def test_hostile_words(locked: Locked, schema: BaseSchema, bad: str) -> None:
    """A word that Postgres or a dashboard cannot bear is refused, wherever it stands."""
    for path, item in schema.raw_schema["paths"].items():
        for method, operation in item.items():
            names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
            hostile = re.sub(r"\{(\w+)\}", lambda found: "a" if found[1] == "model" else bad, path)
            targets = [hostile] + [f"{hostile.replace(bad, '1')}?{name}={bad}" for name in names]
            for target in targets if method != "delete" else targets[1:]:
                answer = locked.call(method.upper(), target, locked.made[0])
                assert answer.status_code < 500, (method, target, answer.text)
                problem = answer.headers.get("content-type") == "application/problem+json"
                assert problem == (answer.status_code >= 400), (method, target)


@pytest.mark.parametrize(("path", "field"), [("/thresholds", "version"), ("/thresholds", "feature"), ("", "timezone")])
@pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "\\u202e"])
def test_hostile_documents(locked: Locked, schema: BaseSchema, path: str, field: str, text: str) -> None:
    """The same in a document."""
    assert schema.raw_schema
    body = f'{{"statistic": "psi", "{field}": "{text}"}}' if path else f'{{"{field}": "{text}"}}'
    headers = {"Content-Type": "application/json"}
    answer = locked.call("PUT", f"/v1/models/a{path}", locked.made[0], content=body.encode(), headers=headers)
    assert answer.status_code == 422


def test_deep_documents(locked: Locked) -> None:
    """Brackets without end are no document."""
    headers = {"Content-Type": "application/json"}
    answer = locked.call("PUT", "/v1/models/a", locked.made[0], content=b"[" * 200_000, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "undecodable")
