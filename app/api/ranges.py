"""Ranges of time and pages of long lists."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.responses import Response

from app.api.json import Json
from app.errors import Refused
from app.monitor.instants import read_instant

Instant = Annotated[str | None, Query(description="RFC 3339 time, or a number since 1970.")]


@dataclass(frozen=True, slots=True)
class Range:
    """A half-open range of window starts in microseconds; None = no limit."""

    from_us: int | None
    to_us: int | None


def time_range(
    from_: Annotated[str | None, Query(alias="from", description="First window start, inclusive.")] = None,
    to: Annotated[str | None, Query(description="Last window start, exclusive.")] = None,
) -> Range:
    """Read `from` and `to`."""
    return Range(
        None if from_ is None else read_instant(from_, "from"),
        None if to is None else read_instant(to, "to"),
    )


@dataclass(frozen=True, slots=True)
class Page:
    """The part of a list that was asked for; all of it unless a limit was given."""

    limit: int | None
    offset: int

    def of(self, items: Iterable[Any]) -> tuple[list[Any], str | None]:
        """Give the page's items, and the cursor of the next page if there is one."""
        if self.limit is None:
            return list(islice(items, self.offset, None)), None
        wanted = list(islice(items, self.offset, self.offset + self.limit + 1))
        more = len(wanted) > self.limit
        return wanted[: self.limit], str(self.offset + self.limit) if more else None

    def answer(self, items: Iterable[Any]) -> Response:
        """Answer with the page; the header X-Next-Cursor leads on."""
        shown, cursor = self.of(items)
        return Json(shown, headers={} if cursor is None else {"X-Next-Cursor": cursor})


def page(
    limit: Annotated[int | None, Query(ge=1, le=1_000_000, description="Longest list to answer with.")] = None,
    cursor: Annotated[str | None, Query(description="X-Next-Cursor of the page before.")] = None,
) -> Page:
    """Read `limit` and `cursor`."""
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 12):  # noqa: PLR2004 - digits of an offset
        raise Refused("unlawful-cursor", "the cursor is not one that was given out")
    return Page(limit, int(cursor or 0))


RangeDep = Annotated[Range, Depends(time_range)]
PageDep = Annotated[Page, Depends(page)]
