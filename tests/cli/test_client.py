"""The command line's client waits where it should and gives up where it must."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from app.cli.client import Body, Client
from app.errors import ConfigurationError, Problem, Unavailable

BUSY = {"code": "overloaded", "detail": "too many bytes", "status": 503}
Step = tuple[int, dict[str, str], object]


@contextmanager
def answering(*steps: Step) -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    """A server that gives one answer after the other; status 0 closes the connection without one."""
    left, seen = list(steps), []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, self.headers.get("Authorization", ""), body))
            status, headers, document = left.pop(0)
            if not status:
                self.close_connection = True
                return
            content = json.dumps(document).encode()
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/prefix/", seen
        finally:
            server.shutdown()
            thread.join()


def test_waits_and_sends_again() -> None:
    """After 503, 429 and a lost connection the same bytes go to the same place, with the key."""
    with (
        answering((503, {"Retry-After": "0"}, BUSY), (0, {}, None), (429, {}, BUSY), (200, {}, {"ok": 1})) as (
            url,
            seen,
        ),
        Client(url, key="secret") as client,
    ):
        assert client.call("PUT", "/v1/x", query={"a": "b c"}, body=Body(b"rows")) == {"ok": 1}
    assert seen == [("/prefix/v1/x?a=b+c", "Bearer secret", b"rows")] * 4


def test_honours_retry_after() -> None:
    """A service that asks for more time than the caller has is not asked again."""
    with answering((503, {"Retry-After": "60"}, BUSY)) as (url, seen), Client(url, patience_s=5) as client:
        with pytest.raises(Unavailable, match="too many bytes"):
            client.call("PUT", "/", body=Body(b""))
        assert len(seen) == 1


def test_refusal_is_final() -> None:
    """A refused request is not sent again, and its problem is told by code and detail."""
    refusal = {"code": "unknown-model", "detail": "no such model"}
    with answering((404, {}, refusal)) as (url, seen), Client(url) as client:
        with pytest.raises(Problem, match="no such model") as caught:
            client.call("PUT", "/", body=Body(b""))
        assert caught.value.code == "unknown-model"
        assert len(seen) == 1


def test_once_means_once() -> None:
    """What must not happen twice is not sent again after a lost connection."""
    with answering((0, {}, None)) as (url, seen), Client(url) as client:
        with pytest.raises(Unavailable):
            client.call("PUT", "/", body=Body(b""), once=True)
        assert len(seen) == 1


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "ftp://host", "http://"])
def test_no_url(url: str) -> None:
    """What is no URL of a service is a configuration error."""
    with pytest.raises(ConfigurationError):
        Client(url)
