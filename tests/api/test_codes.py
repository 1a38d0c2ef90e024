"""The list of problems against the code that raises them."""

import ast
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Final

from app import errors
from app.api.codes import CODES
from app.errors import Problem

APP: Final = Path(errors.__file__).parent
CLASSES: Final = {
    name: found for name, found in vars(errors).items() if isinstance(found, type) and issubclass(found, Problem)
}
ONLY_WRITTEN: Final = {"unknown-expectation", "unknown-episode", "internal"}


def raised() -> Iterator[tuple[str, int, str]]:
    """Find every problem that the code makes, with its status and its place."""
    for file in sorted(APP.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first, place = node.args[0], f"{file.name}:{node.lineno}"
            if name in CLASSES and isinstance(first, ast.Constant):
                yield str(first.value), CLASSES[name].status, place
            if name in {"_refuse", "_write", "_answer"} and isinstance(first, ast.Attribute):
                code = node.args[1]
                if isinstance(code, ast.Constant):
                    yield str(code.value), HTTPStatus[first.attr], place


def test_every_problem_is_listed() -> None:
    """Each code that is raised is in the list, under the status with which it is raised."""
    found = list(raised())
    assert len(found) > 60
    for code, status, place in found:
        assert code in CODES, place
        assert CODES[code].status == status, place


def test_every_listed_problem_exists() -> None:
    """The list holds no code that nothing raises, and each has a status and a meaning."""
    text = "".join(file.read_text(encoding="utf-8") for file in APP.rglob("*.py") if file.name != "codes.py")
    for name, code in CODES.items():
        assert f'"{name}"' in text or name in ONLY_WRITTEN, name
        assert HTTPStatus(code.status) >= HTTPStatus.BAD_REQUEST
        assert code.meaning.endswith(".")


def test_what_may_be_sent_again() -> None:
    """The classes and the list agree on what is worth a retry."""
    retried = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
    for name, code in CODES.items():
        if code.status in retried:
            assert code.retryable, name
        elif code.status not in {HTTPStatus.CONFLICT, HTTPStatus.INTERNAL_SERVER_ERROR}:
            assert not code.retryable, name
