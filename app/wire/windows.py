"""Posted window histograms, checked while they are read."""

from typing import Annotated, Final

import msgspec

LARGEST_COUNT: Final = 10**15
Count = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_COUNT)]


class Counted(msgspec.Struct, gc=False):
    """What one feature adds, bin by bin; how large a count may be is seen when all of them stand side by side."""

    counts: list[int]


class Window(msgspec.Struct):
    """What one window adds."""

    start: str
    rows: Count
    features: dict[str, Counted] = {}


class Posting(msgspec.Struct):
    """A body of windows."""

    baseline: int
    windows: list[Window]
    version: str | None = None


_DECODER: Final = msgspec.json.Decoder(Posting)


def read_posting(body: bytes) -> Posting | None:
    """Read a body; None when it is not what it should be, which a slower reader can say in more words."""
    try:
        return _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
