"""Bodies as they stream in: bounded one by one and all together."""

from dataclasses import dataclass

from starlette.requests import Request

from app.api.heads import header
from app.api.whole import announced
from app.errors import BadRequest, TooLarge
from app.monitor.burden import Burden


@dataclass(frozen=True, slots=True)
class Intake:
    """The door for bodies that are held in memory."""

    max_body_bytes: int
    burden: Burden

    def body(self, request: Request) -> "Carried":
        """Read a body and carry its bytes until the request is answered."""
        return Carried(request, self)


class Carried:
    """A body in memory, for the length of a context; TooLarge, Unavailable beyond the limits."""

    def __init__(self, request: Request, intake: Intake) -> None:
        """Have nothing read yet."""
        self._request = request
        self._intake = intake
        self._carried = 0

    async def __aenter__(self) -> bytes:
        """Read it all; BadRequest when its sender goes away."""
        try:
            return await self._read()
        except BaseException:
            self._intake.burden.give(self._carried)
            raise

    async def __aexit__(self, *_: object) -> None:
        """Lay it down."""
        self._intake.burden.give(self._carried)

    async def _read(self) -> bytes:
        limit, burden = self._intake.max_body_bytes, self._intake.burden
        check_length(self._request, limit)
        promised = announced(self._request.scope)
        if promised is not None:
            burden.take(promised[0])
            self._carried = promised[0]
            promised[1]()
        parts: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await self._request.receive()
            if message["type"] == "http.disconnect":
                raise BadRequest("undecodable", "the body ended early")
            part = message.get("body", b"")
            more = message.get("more_body", False)
            size += len(part)
            if size > limit:
                raise too_large(limit)
            if size > self._carried:
                burden.take(size - self._carried)
                self._carried = size
            parts.append(part)
        return b"".join(parts)


def check_length(request: Request, limit: int) -> int:
    """Refuse a body by the length that it announces, and give that; 0 when it announces none."""
    announced = header(request.scope, b"content-length") or ""
    length = int(announced) if announced.isascii() and announced.isdigit() else 0
    if length > limit:
        raise too_large(limit)
    return length


def too_large(limit: int) -> TooLarge:
    """Say which limit a body crossed."""
    return TooLarge("body-too-large", f"the body is larger than {limit} bytes", extra={"limit": limit})
