"""If-Match and If-None-Match, and the tags that they speak of."""

from typing import Annotated

from fastapi import Depends, Header

from app.monitor.conditions import ANYTHING, Condition


def condition(
    if_match: Annotated[str | None, Header(description="ETag of what is to be changed; 412 if it has changed.")] = None,
    if_none_match: Annotated[str | None, Header(description="`*`: only if there is none yet.")] = None,
) -> Condition:
    """Read what a change expects; weak tags never match."""
    tags = None if if_match is None else frozenset(tag.strip() for tag in if_match.split(","))
    return Condition(tags, absent=if_none_match is not None and if_none_match.strip() == ANYTHING)


ConditionDep = Annotated[Condition, Depends(condition)]
