"""A guarded server, and what a raw client of it reads and writes."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.guard import with_limits
from app.api.patience import Limits

LIMITS: Final = Limits(head_bytes=4096, head_s=0.5, bytes_per_second=64 * 1024, connections=20)
BIG: Final = 32 * 2**20
PATIENCE_S: Final = 20.0


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the size of the body; /big with a lot, /deaf without listening, /late after the body and a second."""
    if scope["type"] == "lifespan":
        while True:
            message: Message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    size, more = 0, scope["path"] != "/deaf"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    if scope["path"] == "/late":
        await asyncio.sleep(2 * LIMITS.head_s)
    body = bytes(BIG) if scope["path"] == "/big" else str(size).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@dataclass(frozen=True)
class Running:
    """A server in a thread."""

    server: uvicorn.Server
    port: int

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)

    def settled(self, connections: int) -> bool:
        """Wait until this many connections are left."""
        end = time.monotonic() + PATIENCE_S
        while len(self.server.server_state.connections) != connections:
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True


@contextlib.contextmanager
def serving(app: ASGIApp) -> Iterator[Running]:
    """Run an application behind the guard on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        config = uvicorn.Config(app, http=with_limits(LIMITS), ws="none", log_config=None, timeout_keep_alive=2)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield Running(server, bound.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


def everything(client: socket.socket) -> bytes:
    """Read until the server closes."""
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := client.recv(65536):
            parts.append(part)
    return b"".join(parts)


def answer(client: socket.socket) -> tuple[int, bytes]:
    """Read one answer of a connection that stays open."""
    read = b""
    while b"\r\n\r\n" not in read:
        part = client.recv(65536)
        assert part, read
        read += part
    head, _, body = read.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
    while len(body) < length:
        body += client.recv(65536)
    return int(head.split()[1]), body


def refusal(raw: bytes) -> dict[str, Any]:
    """Read a last answer as a problem."""
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    document: dict[str, Any] = json.loads(body)
    assert int(head.split()[1]) == document["status"]
    assert document.keys() >= {"type", "title", "detail", "instance", "code", "retryable", "stored"}
    return document


def post(path: str, length: int) -> bytes:
    """Write the head of a POST."""
    return f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n".encode()
