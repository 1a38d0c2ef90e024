"""Clients that post ready bytes over kept connections, as fast as they are answered."""

import itertools
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from feeds.host import Host

ANSWER: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Pace:
    """Requests a second that were answered 200, and processor seconds of the server for each."""

    requests: float
    processor_s: float


def rate(host: Host, head: Callable[[int], str], body: bytes, *, clients: int, seconds: float) -> Pace:
    """Post for some seconds; `head` gives request line and headers of the n-th request."""
    numbers = itertools.count()
    done: list[int] = []
    start = threading.Barrier(clients + 1)

    def work() -> None:
        own = 0
        with socket.create_connection(("127.0.0.1", host.port)) as wire:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _one(wire, head(next(numbers)), body)
            start.wait()
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                _one(wire, head(next(numbers)), body)
                own += 1
        done.append(own)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    start.wait()
    began, before = time.perf_counter(), host.processor_s()
    for thread in threads:
        thread.join()
    return Pace(sum(done) / (time.perf_counter() - began), (host.processor_s() - before) / max(1, sum(done)))


def put(path: str, kind: str, run: str) -> Callable[[int], str]:
    """Heads of idempotent batches of one run."""
    return lambda n: f"PUT {path}/{run}-{n} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"


def post(path: str, kind: str) -> Callable[[int], str]:
    """Heads of one and the same request."""
    return lambda _: f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"


def _one(wire: socket.socket, head: str, body: bytes) -> None:
    """Send a request and read its answer to the end."""
    wire.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
    wire.sendall(body)
    answer = b""
    while (end := answer.find(b"\r\n\r\n")) < 0:
        answer += _some(wire)
    headers = answer[:end].lower()
    assert headers.startswith(b"http/1.1 200"), answer[:500]
    length = int(headers.split(b"content-length:")[1].split(b"\r\n")[0])
    while len(answer) < end + 4 + length:
        answer += _some(wire)


def _some(wire: socket.socket) -> bytes:
    part = wire.recv(ANSWER)
    assert part, "the server hung up"
    return part
