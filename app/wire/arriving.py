"""A file that is read while it is still being written."""

from collections.abc import Callable
from threading import Condition
from typing import Final

EVERYTHING: Final = 2**63 - 1


class Arriving:
    """How much of a file has come; its writer tells, its readers wait."""

    def __init__(self, vacate: Callable[[int], None] | None = None, *, expected: int = 0) -> None:
        """Have nothing come yet of a file of so many bytes, if that is known.

        `vacate` is for the bytes, from the first on, that nobody will read again.
        """
        self._vacate = vacate
        self._expected = expected
        self._told = Condition()
        self._size = 0
        self._fault: Exception | None = None

    def grown(self, size: int) -> None:
        """Tell that the first `size` bytes are there."""
        with self._told:
            self._size = max(self._size, size)
            self._told.notify_all()

    @property
    def to_come(self) -> int:
        """Bytes that are known to be missing yet."""
        return max(0, self._expected - self._size)

    def complete(self) -> None:
        """Tell that nothing more will come."""
        self.grown(EVERYTHING)

    def broken(self, fault: Exception) -> None:
        """Tell that the rest will never come; whoever waits for it raises the fault."""
        with self._told:
            self._fault = fault
            self._told.notify_all()

    def passed(self, end: int) -> None:
        """Tell that nobody will read again what is before `end`, but for what tells the format and the columns."""
        if self._vacate is not None:
            self._vacate(end)

    def wait(self, size: int = EVERYTHING) -> None:
        """Wait until the first `size` bytes are there, or all that there will be."""
        with self._told:
            self._told.wait_for(lambda: self._size >= size or self._fault is not None)
            if self._size < size and self._fault is not None:
                raise self._fault


def complete() -> Arriving:
    """Give what a file is that nobody writes any more."""
    arriving = Arriving()
    arriving.complete()
    return arriving
