"""Every operation with every scope, against the real service and the published table."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from api.locked import Locked
from app.api import scopes
from app.api.scopes import BACKFILL
from app.monitor.keyring import Scope

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "scopes.md"
MODEL: Final = "matrix"
HIDDEN: Final = "hidden"
DESTRUCTIVE: Final = "DELETE /v1/models/{model}"


def published() -> dict[str, frozenset[str] | None]:
    """Read the table of the documentation: the scopes of each operation; None where no key is asked for."""
    table: dict[str, frozenset[str] | None] = {}
    for operation, words in re.findall(r"^\| `(.+?)` \| (.+) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE):
        named = frozenset(re.findall(r"`(\w+)`", words))
        table[operation] = {"no key": None, "any key": frozenset(Scope)}.get(words, named)
    return table


TABLE: Final = published()


def url(operation: str, model: str) -> tuple[str, str]:
    """Fill an operation's path in."""
    method, path = operation.split(" ", 1)
    names = {"model": model, "start": "0", "number": "1"}
    filled = re.sub(r"\{(\w+)\}", lambda found: names.get(found[1], "one"), path)
    return method, filled


def effective(held: Scope) -> set[str]:
    """Give what a scope stands for."""
    return {"admin", "read"} if held is Scope.ADMIN else {held.value}


@pytest.fixture(scope="module")
def openapi(locked: Locked) -> dict[str, Any]:
    """The OpenAPI that the service publishes."""
    document: dict[str, Any] = locked.call("GET", "/openapi.json", locked.made[0]).json()
    return document


@pytest.fixture(scope="module")
def operations(openapi: dict[str, Any]) -> list[str]:
    """Every operation of the service."""
    found = [f"{method.upper()} {path}" for path, item in openapi["paths"].items() for method in item]
    assert len(found) > 25
    return found


@pytest.fixture(scope="module")
def models(locked: Locked) -> Iterator[None]:
    """Two models with a baseline."""
    for name in (MODEL, HIDDEN):
        locked.call("PUT", f"/v1/models/{name}", locked.made[0], json={})
        body = {"rows": [{"x": number} for number in range(50)]}
        locked.call("POST", f"/v1/models/{name}/baselines?activate=true", locked.made[0], json=body)
    yield
    for name in (MODEL, HIDDEN):
        locked.call("DELETE", f"/v1/models/{name}", locked.made[0])


def test_the_table_is_published() -> None:
    """The documentation holds the table that the service goes by."""
    assert scopes.markdown() in DOCUMENT.read_text(encoding="utf-8")


def test_the_openapi_tells_scopes(openapi: dict[str, Any]) -> None:
    """Every operation is in the table, and says so in the OpenAPI."""
    for path, item in openapi["paths"].items():
        for method, operation in item.items():
            needed = TABLE[f"{method.upper()} {path}"]
            told = {scope for choice in operation["security"] for named in choice.values() for scope in named}
            assert told == (needed or set()), path
            assert {scheme for choice in operation["security"] for scheme in choice} <= {"bearer", "basic"}
    assert openapi["components"]["securitySchemes"].keys() == {"bearer", "basic"}


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("held", Scope)
def test_scopes(locked: Locked, operations: list[str], held: Scope) -> None:
    """Each scope opens what the table says and nothing else."""
    key = locked.key(held)
    backfilled = [f"{one}?{BACKFILL}" for one in operations if f"{one}?{BACKFILL}" in TABLE]
    assert backfilled
    for operation in [*operations, *backfilled]:
        method, path = url(operation, "nobody" if operation == DESTRUCTIVE else MODEL)
        answer = locked.call(method, path, key)
        needed = TABLE[operation]
        allowed = needed is None or bool(needed & effective(held))
        assert (answer.status_code == 403) is not allowed, (operation, answer.text)
        assert answer.status_code not in {401, 500}, (operation, answer.text)
        if not allowed:
            assert answer.json()["code"] == "missing-scope"


def test_no_key(locked: Locked, operations: list[str]) -> None:
    """Without a key there is nothing but the probes."""
    for operation in [*operations, "GET /docs", "GET /openapi.json", "GET /nowhere", "POST /v1/models"]:
        answer = locked.call(*url(operation, MODEL))
        if operation in TABLE and TABLE[operation] is None:
            assert answer.status_code == 200
            continue
        assert answer.status_code == 401, operation
        assert answer.json()["code"] == "missing-key"
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.usefixtures("models")
def test_foreign_models(locked: Locked, operations: list[str]) -> None:
    """A model that a key may not see does not exist, and looks exactly like one that does not."""
    key = locked.key(*Scope, models=[MODEL])
    for operation in operations:
        if "{model}" in operation:
            method, path = url(operation, HIDDEN)
            answer = locked.call(method, path, key)
            assert answer.status_code == 404, (operation, answer.text)
            assert answer.json()["code"] == "unknown-model"
    shown, missing = (locked.call("GET", f"/v1/models/{name}", key).json() for name in (HIDDEN, "h1dden"))
    for document in (shown, missing):
        document.pop("instance")
    assert shown["detail"].replace(HIDDEN, "h1dden") == missing["detail"]
    assert shown | {"detail": ""} == missing | {"detail": ""}
    assert locked.call("GET", f"/v1/models/{MODEL}", key).status_code == 200


@pytest.mark.usefixtures("models")
def test_scope_comes_before_model(locked: Locked) -> None:
    """A key without the scope learns nothing about the model."""
    key = locked.key("ingest", models=[MODEL])
    for name in (MODEL, HIDDEN, "nobody"):
        assert locked.call("GET", f"/v1/models/{name}/windows", key).status_code == 403
    assert locked.call("PUT", f"/v1/models/{HIDDEN}/batches/a", key, json=[]).status_code == 404


@pytest.mark.usefixtures("models")
def test_lists_hold_only_what_is_visible(locked: Locked) -> None:
    """Lists, metrics and the trail of a restricted key tell nothing about other models."""
    key = locked.key(*Scope, models=[MODEL])
    assert [model["name"] for model in locked.call("GET", "/v1/models", key).json()] == [MODEL]
    whole = locked.call("GET", "/metrics", locked.made[0]).text
    mine = locked.call("GET", "/metrics", key).text
    assert f'model="{HIDDEN}"' in whole
    assert f'model="{MODEL}"' in mine
    assert HIDDEN not in mine
    assert locked.call("GET", "/v1/audit", key).json()["code"] == "restricted-key"
    for method, path in (("GET", "/v1/admin/ledger-balance"), ("POST", "/v1/admin/fold")):
        assert locked.call(method, path, key).status_code == 403
        assert locked.call(method, path, key, params={"model": HIDDEN}).status_code == 404
        assert locked.call(method, path, key, params={"model": MODEL}).status_code == 200
