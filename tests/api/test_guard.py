"""The protocol guard against raw sockets, at the scale of seconds."""

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from api.guarding import BIG, LIMITS, Running, answer, echo, everything, post, refusal, serving


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """A guarded server on a free port."""
    with serving(echo) as running:
        yield running


@pytest.fixture
def client(running: Running) -> Iterator[socket.socket]:
    """A connection, and none left behind."""
    with running.connect() as opened:
        yield opened
    assert running.settled(0)


def test_ordinary_requests(client: socket.socket) -> None:
    """Bodies large and small, chunked and pipelined, go through one connection."""
    client.sendall(post("/", 5 * 2**20) + bytes(5 * 2**20))
    assert answer(client) == (200, str(5 * 2**20).encode())
    client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    assert answer(client) == (200, b"3")
    client.sendall((post("/", 2) + b"ab") * 2)
    first = client.recv(65536)
    while first.count(b"HTTP/1.1 200") < 2 or not first.endswith(b"\r\n\r\n2"):
        first += client.recv(65536)


def test_slow_answers_are_ours(client: socket.socket) -> None:
    """Time that the application takes is not the client's."""
    client.sendall(post("/late", 1) + b"x")
    assert answer(client) == (200, b"1")


@pytest.mark.parametrize(
    "flood",
    [
        b"X: " + b"a" * 8192,
        b"".join(b"X-%d: a\r\n" % number for number in range(800)),
        b"X: " + b"a" * (2 * 2**20),
    ],
)
def test_header_flood(client: socket.socket, flood: bytes) -> None:
    """A head that is too large, with or without an end, in one header or many, is 431."""
    with contextlib.suppress(ConnectionError):
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n" + flood)
        client.sendall(b"\r\n\r\n")
    assert refusal(everything(client))["code"] == "headers-too-large"


def test_long_target(client: socket.socket) -> None:
    """The target of a request is part of its head."""
    client.sendall(b"GET /" + b"a" * 8192 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    assert refusal(everything(client))["status"] == 431


@pytest.mark.parametrize("tail", [b"X: " + b"a" * 8192, b"X: a\r\n" * 2000])
def test_trailer_flood(client: socket.socket, tail: bytes) -> None:
    """Headers after the body are headers too; a part that came along with the head is waited for in vain."""
    client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
    with contextlib.suppress(ConnectionError):
        client.sendall(tail)
    assert refusal(everything(client))["status"] in {408, 431}


def test_many_small_requests(client: socket.socket) -> None:
    """The count of a head starts anew with each request."""
    for _ in range(20):
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 3000 + b"\r\n\r\n")
        assert answer(client) == (200, b"0")


@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost:"])
def test_slow_headers(client: socket.socket, sent: bytes) -> None:
    """A head that never ends is 408, and so is silence."""
    client.sendall(sent)
    document = refusal(everything(client))
    assert (document["code"], document["retryable"], document["stored"]) == ("slow-headers", True, "none")


def test_slow_headers_of_a_second_request(client: socket.socket) -> None:
    """A connection that has served its client is no excuse."""
    client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer(client) == (200, b"0")
    client.sendall(b"GET / HTTP/1.1\r\n")
    assert refusal(everything(client))["code"] == "slow-headers"


def test_dripping_headers(client: socket.socket) -> None:
    """A byte now and then wins no time."""
    client.sendall(b"GET / HTTP/1.1\r\nX: ")
    with contextlib.suppress(ConnectionError):
        for _ in range(200):
            client.sendall(b"a")
            time.sleep(0.02)
    assert refusal(everything(client))["code"] == "slow-headers"


@pytest.mark.parametrize(
    "head", [post("/", 1000), b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n"]
)
def test_slow_body(client: socket.socket, head: bytes) -> None:
    """A body that stands still is 408."""
    client.sendall(head + b"abc")
    assert refusal(everything(client))["code"] == "slow-body"


def test_dripping_chunks(client: socket.socket) -> None:
    """Chunk extensions are no progress."""
    client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        for _ in range(200):
            client.sendall(b"1;aaaa")
            time.sleep(0.02)
    assert refusal(everything(client))["status"] in {400, 408}


def test_unwanted_body(client: socket.socket) -> None:
    """A client that goes on sending after its answer hears it, and is cut off."""
    client.sendall(post("/deaf", BIG))
    with contextlib.suppress(ConnectionError):
        client.sendall(bytes(BIG))
    assert everything(client).startswith(b"HTTP/1.1 200")


def test_short_unwanted_body(client: socket.socket) -> None:
    """A small rest of a body is let go by, and the connection kept."""
    client.sendall(post("/deaf", 1000) + bytes(1000))
    assert answer(client) == (200, b"0")
    client.sendall(post("/", 3) + b"abc")
    assert answer(client) == (200, b"3")


def test_client_that_does_not_read(running: Running) -> None:
    """A client that takes nothing of a large answer is cut off."""
    with running.connect() as client:
        client.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        assert running.settled(1)
        assert running.settled(0)


def test_client_that_reads(running: Running) -> None:
    """A client that takes a large answer in steps gets all of it."""
    with running.connect() as client:
        client.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert len(everything(client)) > BIG


def test_silent_connections(running: Running) -> None:
    """Connections beyond the number are 503 at once; the silent ones are closed, and then others are served."""
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(running.connect()) for _ in range(LIMITS.connections)]
        assert running.settled(LIMITS.connections)
        with running.connect() as more:
            document = refusal(everything(more))
            assert (document["code"], document["retryable"]) == ("too-many-connections", True)
        for client in silent:
            assert refusal(everything(client))["status"] == 408
        assert running.settled(0)
        with running.connect() as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert answer(client)[0] == 200


def test_slow_connections_make_room(running: Running) -> None:
    """When all connections are taken, the one that was waited for longest goes, however it wastes time."""
    busy = b"POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    for waste in (b"", b"GET / HTTP/1.1\r\n", post("/", 100) + b"x", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"):
        with contextlib.ExitStack() as stack:
            slow = [stack.enter_context(running.connect()) for _ in range(LIMITS.connections - 1)]
            for client in slow:
                client.sendall(waste)
            time.sleep(1.5 * LIMITS.beat_s)
            working = stack.enter_context(running.connect())
            working.sendall(busy)
            for _ in range(3):
                with running.connect() as more:
                    more.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    assert answer(more)[0] == 200
            assert answer(working)[0] == 200
        assert running.settled(0)


def test_not_http(client: socket.socket) -> None:
    """What is no HTTP is a problem document too."""
    client.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n")
    assert refusal(everything(client))["code"] == "not-http"


def test_pipelining_flood(client: socket.socket, running: Running) -> None:
    """A few requests may wait for the answer to an earlier one; who sends them without end is cut off."""
    client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * LIMITS.waiting)
    answers = b""
    while answers.count(b"HTTP/1.1 200") < LIMITS.waiting:
        answers += client.recv(65536)
    with contextlib.suppress(ConnectionError):
        client.sendall(b"GET /late HTTP/1.1\r\nHost: a\r\n\r\n" * 5_000)
    assert everything(client).count(b"HTTP/1.1 200") <= 1
    assert running.settled(0)
