"""Bodies that are read past the parser, against raw sockets."""

import contextlib
import hashlib
import random
import socket
import time
from collections.abc import Iterator

import pytest
from starlette.types import Receive, Scope, Send

from api.guarding import LIMITS, Running, answer, everything, post, refusal, serving
from app.api.whole import LARGEST, SMALLEST, announced


async def digest(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with parts and SHA-256 of the body, asked for as a whole; /deaf asks for it and then does not listen."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    promised = announced(scope)
    if promised is not None:
        promised[1]()
    parts, more = [], scope["path"] != "/deaf"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        parts.append(message["body"])
        more = message["more_body"]
    assert promised is None or len(parts) <= 1
    body = hashlib.sha256(b"".join(parts)).hexdigest().encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"64")]})
    await send({"type": "http.response.body", "body": body})


def expected(body: bytes) -> tuple[int, bytes]:
    """What the application answers."""
    return 200, hashlib.sha256(body).hexdigest().encode()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """A guarded server on a free port."""
    with serving(digest) as running:
        yield running


@pytest.fixture
def client(running: Running) -> Iterator[socket.socket]:
    """A connection, and none left behind."""
    with running.connect() as opened:
        yield opened
    assert running.settled(0)


@pytest.mark.parametrize("size", [SMALLEST - 1, SMALLEST, 810_584, LARGEST, LARGEST + 1])
def test_bodies_arrive_as_they_were_sent(client: socket.socket, size: int) -> None:
    """Every size, one after the other on one connection."""
    for seed in range(3):
        body = random.Random(seed).randbytes(size)
        client.sendall(post("/", size) + body)
        assert answer(client) == expected(body)


def test_pieces(client: socket.socket) -> None:
    """Wherever the network cuts, and with the next request in the same packet."""
    chance = random.Random(7)
    bodies = [chance.randbytes(chance.randrange(SMALLEST, 300_000)) for _ in range(6)] + [b"short", b""]
    stream = b"".join(post("/", len(body)) + body for body in bodies)
    place, read = 0, b""
    while place < len(stream):
        step = chance.choice([1, 100, 5000, 100_000, 400_000])
        client.sendall(stream[place : place + step])
        place += step
        time.sleep(0.002)
    while read.count(b"HTTP/1.1 200") < len(bodies) or len(read.rpartition(b"\r\n\r\n")[2]) < 64:
        part = client.recv(65536)
        assert part, read
        read += part
    found = [part[:64] for part in read.split(b"\r\n\r\n")[1:]]
    assert found == [expected(body)[1] for body in bodies]


def test_other_ways_to_send(client: socket.socket) -> None:
    """Chunks, an expectation, and a connection that is to end."""
    body = bytes(SMALLEST)
    chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body
    client.sendall(chunked + b"\r\n0\r\n\r\n")
    assert answer(client) == expected(body)
    client.sendall(post("/", len(body))[:-2] + b"Expect: 100-continue\r\n\r\n")
    assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.sendall(body)
    assert answer(client) == expected(body)
    client.sendall(post("/", len(body))[:-2] + b"Connection: close\r\n\r\n" + body)
    assert everything(client).endswith(expected(body)[1])


def test_slow_body(client: socket.socket) -> None:
    """A body that stands still is 408, wherever it stands."""
    client.sendall(post("/", 10 * SMALLEST) + bytes(2 * SMALLEST))
    assert refusal(everything(client))["code"] == "slow-body"


def test_moving_body(client: socket.socket) -> None:
    """A body that moves fast enough may take its time."""
    body = bytes(2 * SMALLEST)
    client.sendall(post("/", len(body)))
    for place in range(0, len(body), len(body) // 8):
        client.sendall(body[place : place + len(body) // 8])
        time.sleep(LIMITS.head_s / 4)
    assert answer(client) == expected(body)


def test_a_client_that_leaves(running: Running) -> None:
    """A connection that is lost in the middle of a body leaves nothing behind."""
    for size in (0, 1, SMALLEST, 3 * SMALLEST):
        with running.connect() as client:
            client.sendall(post("/", 4 * SMALLEST) + bytes(size))
            time.sleep(0.05)
    assert running.settled(0)


def test_a_body_that_nobody_wants(client: socket.socket) -> None:
    """What is answered before its body has come is let go by, and the connection kept if that was little."""
    client.sendall(post("/deaf", SMALLEST) + bytes(SMALLEST))
    assert answer(client) == expected(b"")
    client.sendall(post("/", SMALLEST) + bytes(SMALLEST))
    assert answer(client) == expected(bytes(SMALLEST))
    client.sendall(post("/deaf", LARGEST))
    with contextlib.suppress(ConnectionError):
        client.sendall(bytes(LARGEST))
    assert everything(client).endswith(expected(b"")[1])
