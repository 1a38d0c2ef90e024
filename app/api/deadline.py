"""The longest time of a request: for its body to come in, and from then on to its answer."""

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from app.api.problems import answer
from app.errors import Problem, SlowBody, Unavailable

_RETRY_AFTER_S: Final = 2


class Deadline:
    """Answers for a handler that takes too long; what the handler sends afterwards goes nowhere."""

    def __init__(self, scope: Scope, send: Send, *, body_s: float, answer_s: float) -> None:
        """Set the clock of one request."""
        self._scope = scope
        self._send = send
        self._body_s = body_s
        self._answer_s = answer_s
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._answering: asyncio.Task[None] | None = None
        self._begun = False

    @property
    def passed(self) -> bool:
        """Tell whether the answer was given in the handler's place."""
        return self._answering is not None

    def start(self, *, arrived: bool) -> None:
        """Start the clock, for the answer if there is no body to wait for."""
        self._timer = self._loop.call_later(self._answer_s if arrived else self._body_s, self._pass, arrived)

    def stop(self) -> None:
        """Stop the clock."""
        if self._timer is not None:
            self._timer.cancel()

    def cut(self) -> bool:
        """Answer for a handler that the stopping service cuts short; false when an answer has begun."""
        self.stop()
        if not self._begun and not self.passed:
            problem = Unavailable("draining", "the service is stopping", stored="unknown", retry_after=_RETRY_AFTER_S)
            self._answering = self._loop.create_task(self._answer(problem))
        return self.passed

    async def answered(self) -> None:
        """Wait until the answer in the handler's place is out; without one the server would send its own."""
        if self._answering is not None:
            await self._answering

    def receive(self, receive: Receive) -> Receive:
        """Watch for the end of the body."""

        async def watched() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False) and not self.passed:
                self.stop()
                self.start(arrived=True)
            return message

        return watched

    async def send(self, message: Message) -> None:
        """Pass the handler's answer on, unless it is too late."""
        if self.passed:
            return
        if not self._begun:
            self._begun = True
            self.stop()
        await self._send(message)

    def _pass(self, arrived: bool) -> None:
        if self._begun or self.passed:
            return
        problem: Problem = (
            Unavailable("deadline", "the answer took too long", stored="unknown", retry_after=_RETRY_AFTER_S)
            if arrived
            else SlowBody("slow-body", "the body took too long to arrive")
        )
        self._answering = self._loop.create_task(self._answer(problem))

    async def _answer(self, problem: Problem) -> None:
        await answer(Request(self._scope), problem)(self._scope, _nothing, self._send)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
