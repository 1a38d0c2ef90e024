"""What a change expects to find, so that no update is lost."""

from dataclasses import dataclass
from typing import Final

from app.errors import PreconditionFailed

ANYTHING: Final = "*"


@dataclass(frozen=True, slots=True)
class Condition:
    """The tags of which one must be there (None: not asked), and whether nothing may be there."""

    tags: frozenset[str] | None = None
    absent: bool = False

    def check(self, tag: str | None) -> None:
        """Compare with the tag of what is there; None when nothing is."""
        if self.absent and tag is not None:
            raise PreconditionFailed("precondition-failed", "it is there already")
        if self.tags is not None and (tag is None or not self.tags & {tag, ANYTHING}):
            raise PreconditionFailed("precondition-failed", "it is not what If-Match expects; read it again")


UNCONDITIONAL: Final = Condition()
