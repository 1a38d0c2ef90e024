"""How much a body may hold that is read while others wait."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Rows, names and values that are no numbers: so many at most."""

    rows: int
    names: int
    others: int

    def hold(self, rows: float, *, names: int, others: int) -> bool:
        """Tell whether rows of so many names, of which some are no numbers, are within them."""
        return rows <= self.rows and names <= self.names and rows * others <= self.others
