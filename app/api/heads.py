"""One header of a request, without making all of them text."""

from starlette.types import Scope


def header(scope: Scope, name: bytes) -> str | None:
    """Give the first header of a name in lower case, None without one."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None
