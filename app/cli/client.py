"""The command line's own HTTP client: one kept connection, patient where the service asks for patience."""

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Self
from urllib.parse import urlencode, urlsplit

from app import __version__
from app.errors import BadRequest, ConfigurationError, Problem, Refused, TooLarge, Unavailable, UnsupportedType

FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 10.0
TIMEOUT_S: Final = 120.0
WAITING: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
IN_PROGRESS: Final = "batch-in-progress"
REFUSALS: Final[Mapping[int, type[Problem]]] = {
    kind.status: kind for kind in (BadRequest, TooLarge, UnsupportedType, Refused)
}
"""Answers that are about the body and nothing else."""


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes to send and what they are."""

    content: bytes
    content_type: str = "application/json"

    @classmethod
    def of(cls, document: object) -> "Body":
        """Write a JSON document."""
        return cls(json.dumps(document).encode())


class Client:
    """Calls to one service; `patience_s` bounds how long one call goes on being tried."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        patience_s: float = 300.0,
        waiting: Callable[[str], object] = lambda _: None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or parts.hostname is None:
            raise ConfigurationError(f"not the URL of a service: {url!r}")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.url = url.rstrip("/")
        self._root = parts.path.rstrip("/")
        self._connection = kind(parts.hostname, parts.port, timeout=TIMEOUT_S)
        self._headers = {"User-Agent": f"driftgauge/{__version__}", "Accept": "application/json"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._patience_s = patience_s
        self._waiting = waiting

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        once: bool = False,
    ) -> Any:
        """Give the answer's JSON; Problem when refused, Unavailable when patience ran out.

        Everything is sent again after a lost connection or a request to wait, unless it may be sent only `once`.
        """
        target = self._root + path + (f"?{urlencode(query)}" if query else "")
        began, pause = time.monotonic(), FIRST_PAUSE_S
        while True:
            why, asked_s = "", 0.0
            try:
                answer, content = self._send(method, target, body)
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                why = str(error) or type(error).__name__
            else:
                if answer.status < HTTPStatus.BAD_REQUEST:
                    return json.loads(content) if content else None
                problem = _problem(answer.status, content)
                if answer.status not in WAITING and problem.code != IN_PROGRESS:
                    raise problem
                why, asked_s = str(problem), _seconds(answer.headers.get("Retry-After"))
            wait_s = max(pause, asked_s)
            if once or time.monotonic() - began + wait_s > self._patience_s:
                raise Unavailable("unreachable", f"{self.url}: {why}")
            self._waiting(why)
            time.sleep(wait_s)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _send(self, method: str, target: str, body: Body | None) -> tuple[http.client.HTTPResponse, bytes]:
        headers = self._headers | ({"Content-Type": body.content_type} if body else {})
        self._connection.request(method, target, body=body.content if body else None, headers=headers)
        answer = self._connection.getresponse()
        return answer, answer.read()


def _problem(status: int, content: bytes) -> Problem:
    """Read a problem document, or make one of whatever came."""
    try:
        document = json.loads(content)
        return REFUSALS.get(status, Problem)(str(document["code"]), str(document["detail"]))
    except (ValueError, TypeError, KeyError):
        return Problem(f"http-{status}", content[:200].decode(errors="replace"))


def _seconds(header: str | None) -> float:
    """Read Retry-After; a date is worth no wait of its own."""
    return float(header) if header is not None and header.isascii() and header.isdigit() else 0.0
