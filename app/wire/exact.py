"""Values whose longest integers may have been rounded."""

from collections.abc import Callable, Iterable
from typing import Any


class ExactColumn(list[Any]):
    """Values among which long integers were rounded; `again` reads them with all their digits."""

    def __init__(self, values: Iterable[Any], again: Callable[[], list[Any]]) -> None:
        super().__init__(values)
        self.again = again
