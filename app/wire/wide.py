"""Tables of very many columns, of which few are looked at: each is read when it is asked for."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from app.wire.table import RawColumn

WIDE: Final = 5_000
"""Columns up to which all are read at once; each costs a reader up to 14 kB, however few cells it holds."""
GROUP: Final = 512
KEPT: Final = 4

Read = Callable[[list[int]], list[Any]]


class WideColumns(Mapping[str, RawColumn]):
    """Columns of which the wanted ones are held, and others read again in groups of neighbours."""

    def __init__(self, names: list[str], read: Read, *, wanted: Collection[str]) -> None:
        """Read the wanted columns, or the first; `read` gives the columns at some places."""
        self._places = {name: place for place, name in enumerate(names)}
        self._read = read
        self._wanted = [place for place, name in enumerate(names) if name in wanted] or [0]
        self._held = self._columns(self._wanted)
        self._groups: OrderedDict[int, dict[int, Any]] = OrderedDict()

    def _columns(self, places: list[int]) -> dict[int, Any]:
        return dict(zip(places, self._read(places), strict=True))

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(next(iter(self._held.values())))

    def __getitem__(self, name: str) -> RawColumn:
        """Give one column."""
        place = self._places[name]
        if place in self._held:
            return self._held[place]
        number = place // GROUP
        if number not in self._groups:
            if len(self._groups) >= KEPT:
                self._groups.popitem(last=False)
            self._groups[number] = self._columns(
                list(range(number * GROUP, min((number + 1) * GROUP, len(self._places))))
            )
        return self._groups[number][place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
