"""A TCP proxy that misbehaves as told, between clients and the service or between the service and Postgres."""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Self

from faults.ports import free_port

CHUNK: Final = 65_536
FOREVER_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Toxic:
    """What goes wrong; `share` of the connections or of the chunks suffer it, times in seconds.

    latency_s delays each chunk by up to so much; bytes_per_s throttles; slice_bytes cuts chunks; blackhole lets nothing
    through; reset_after cuts the connection after so many bytes from the client; half_close ends the client's side;
    swallow drops the connection once the server's answer is there; replay sends the client's bytes to the server a
    second time over another connection; hold_s keeps a connection's first bytes back, so that later ones overtake it.
    """

    latency_s: float = 0.0
    bytes_per_s: float = 0.0
    slice_bytes: int = 0
    blackhole: bool = False
    reset_after: int = 0
    half_close: bool = False
    swallow: bool = False
    replay: bool = False
    hold_s: float = 0.0
    share: float = 1.0


HEALTHY: Final = Toxic(share=0.0)


class Proxy(threading.Thread):
    """Forwards a port of its own to another, or to a socket in the file system, with one toxic at a time."""

    def __init__(self, upstream: int | str, *, seed: int = 0) -> None:
        super().__init__(name="proxy", daemon=True)
        self.upstream = upstream
        self.port = free_port()
        self.toxic = HEALTHY
        self.hits: Counter[str] = Counter()
        self._random = Random(seed)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.join()

    def misbehave(self, toxic: Toxic) -> None:
        """Misbehave this way from now on; connections that a black hole swallowed are cut when it goes."""
        before, self.toxic = self.toxic, toxic
        if before.blackhole and not toxic.blackhole:
            self._loop.call_soon_threadsafe(self.cut)

    def cut(self) -> None:
        """Reset every open connection; runs on the proxy's own loop."""
        for writer in list(self._open):
            writer.transport.abort()

    def run(self) -> None:
        """Serve until told to stop."""
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=512))
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self.cut()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        with contextlib.suppress(Exception):
            self._loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(self._loop), return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server = await self._reach()
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, server[1]}
        self._open |= ends
        try:
            await asyncio.gather(
                self._forward(reader, server[1], ends=ends, upward=True),
                self._forward(server[0], writer, ends=ends, upward=False),
            )
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._open -= ends
            for end in ends:
                end.transport.abort()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.upstream, str):
            return await asyncio.open_unix_connection(self.upstream)
        return await asyncio.open_connection("127.0.0.1", self.upstream)

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        ends: set[asyncio.StreamWriter],
        upward: bool,
    ) -> None:
        passed = 0
        while chunk := await reader.read(CHUNK):
            passed += len(chunk)
            toxic = self.toxic
            if not toxic.blackhole and self._random.random() >= toxic.share:
                writer.write(chunk)
                await writer.drain()
                continue
            await self._suffer(toxic, chunk, writer, ends=ends, upward=upward, passed=passed)
        writer.write_eof()

    async def _suffer(
        self,
        toxic: Toxic,
        chunk: bytes,
        writer: asyncio.StreamWriter,
        *,
        ends: set[asyncio.StreamWriter],
        upward: bool,
        passed: int,
    ) -> None:
        if toxic.blackhole:
            self.hits["blackhole"] += 1
            await asyncio.sleep(FOREVER_S)
        if toxic.swallow and not upward:
            self._abort("swallow", ends)
        if upward and toxic.reset_after and passed > toxic.reset_after:
            self._abort("reset", ends)
        if upward and toxic.replay:
            self.hits["replay"] += 1
            self._spawn(self._replay(chunk))
        await self._delay(toxic, len(chunk), upward=upward)
        step = toxic.slice_bytes or len(chunk)
        for first in range(0, len(chunk), step):
            writer.write(chunk[first : first + step])
            await writer.drain()
            self.hits["slice"] += bool(toxic.slice_bytes)
            await asyncio.sleep(0)
        if upward and toxic.half_close:
            self.hits["half-close"] += 1
            writer.write_eof()
            await asyncio.sleep(FOREVER_S)

    async def _delay(self, toxic: Toxic, size: int, *, upward: bool) -> None:
        if toxic.hold_s and upward:
            self.hits["hold"] += 1
            await asyncio.sleep(toxic.hold_s * self._random.random())
        if toxic.latency_s:
            self.hits["latency"] += 1
            await asyncio.sleep(toxic.latency_s * self._random.random())
        if toxic.bytes_per_s:
            self.hits["bandwidth"] += 1
            await asyncio.sleep(size / toxic.bytes_per_s)

    def _abort(self, what: str, ends: set[asyncio.StreamWriter]) -> None:
        self.hits[what] += 1
        for end in ends:
            end.transport.abort()
        raise ConnectionResetError(what)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _replay(self, chunk: bytes) -> None:
        """Send the same bytes over a connection of their own, a little later, and read what comes."""
        await asyncio.sleep(self._random.random() * 0.2)
        with contextlib.suppress(OSError, TimeoutError):
            reader, writer = await self._reach()
            writer.write(chunk)
            async with asyncio.timeout(5):
                await reader.read(CHUNK)
            writer.close()
