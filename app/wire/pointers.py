"""Values inside a JSON document, each knowing where it stands."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from app.errors import Refused

LARGEST_COUNT: Final = 10**15


@dataclass(frozen=True, slots=True)
class Spot:
    """A value and its JSON pointer (RFC 6901)."""

    value: Any
    pointer: str = ""

    def refuse(self, code: str, detail: str) -> NoReturn:
        """Refuse the document because of this value."""
        raise Refused(code, f"{detail} (at {self.pointer[:200] or '/'})", extra={"pointer": self.pointer})

    def get(self, key: str) -> "Spot":
        """Step into an object; a missing key is null."""
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return Spot(value, f"{self.pointer}/{key.replace('~', '~0').replace('/', '~1')}")

    def has(self, key: str) -> bool:
        """Tell whether an object has a key."""
        return isinstance(self.value, dict) and key in self.value

    def items(self, code: str, *, most: int) -> Iterator["Spot"]:
        """Step through an array of at most so many."""
        if not isinstance(self.value, list):
            self.refuse(code, "an array is needed")
        if len(self.value) > most:
            self.refuse(code, f"at most {most} are possible")
        return (Spot(value, f"{self.pointer}/{n}") for n, value in enumerate(self.value))

    def count(self) -> int:
        """Read a count: a whole number from 0 to 10^15."""
        if not self._is_number() or not 0 <= self.value <= LARGEST_COUNT or self.value != int(self.value):
            self.refuse("unlawful-count", f"a count is a whole number from 0 to {LARGEST_COUNT}")
        return int(self.value)

    def double(self, code: str) -> float:
        """Read a finite number."""
        if not self._is_number() or not math.isfinite(value := _double(self.value)):
            self.refuse(code, "a finite number is needed")
        return value

    def optional_double(self, code: str) -> float | None:
        """Read a finite number or null."""
        return None if self.value is None else self.double(code)

    def _is_number(self) -> bool:
        return isinstance(self.value, int | float) and not isinstance(self.value, bool)


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
