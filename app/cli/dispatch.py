"""Batches on their way: some at the same time, so that the service commits them together."""

import queue
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import quote

from app.cli.client import REFUSALS, Client
from app.cli.parcels import Parcel
from app.errors import Problem

CONNECTIONS: Final = 4
WAITING: Final = 2 * CONNECTIONS

REUSED: Final = "batch-id-reused"

Receipt = dict[str, Any]
Answer = Receipt | Problem | None


class Dispatch:
    """Sends batches over a few connections.

    One whose id was used for other bytes is given back without a receipt, one that is refused with its problem.
    """

    def __init__(self, clients: Sequence[Client], *, model: str, version: str | None, backfill: bool) -> None:
        self._clients: queue.SimpleQueue[Client] = queue.SimpleQueue()
        for client in clients:
            self._clients.put(client)
        self._workers = len(clients)
        self._folder = f"/v1/models/{quote(model, safe='')}/batches"
        self._version = version
        self._query = {"backfill": "true"} if backfill else {}

    def send(self, parcels: Iterable[Parcel]) -> Iterator[tuple[Parcel, Answer]]:
        """Give every parcel, in its order, with the receipt for its body if it has one."""
        under_way: deque[tuple[Parcel, Future[Answer]]] = deque()
        pool = ThreadPoolExecutor(self._workers)
        try:
            for parcel in parcels:
                under_way.append((parcel, pool.submit(self._put, parcel)))
                if len(under_way) >= WAITING:
                    yield _landed(under_way)
            while under_way:
                yield _landed(under_way)
        finally:
            pool.shutdown(cancel_futures=True)

    def _put(self, parcel: Parcel) -> Answer:
        if parcel.body is None:
            return None
        version = self._version or parcel.version
        query = self._query | ({"version": version} if version else {})
        client = self._clients.get()
        try:
            receipt: Receipt = client.call(
                "PUT", f"{self._folder}/{quote(parcel.id, safe='')}", query=query, body=parcel.body
            )
        except tuple(REFUSALS.values()) as problem:
            return None if problem.code == REUSED else problem
        finally:
            self._clients.put(client)
        return receipt


def _landed(under_way: deque[tuple[Parcel, Future[Answer]]]) -> tuple[Parcel, Answer]:
    parcel, future = under_way.popleft()
    return parcel, future.result()
