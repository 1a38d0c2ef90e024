"""Which hashes a process has put into the samples of the latest windows, so that it offers few rows in vain."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Cell = tuple[int, str, int]
"""A model, a version, and the start of a window in microseconds."""

REMEMBERED_WINDOWS: Final = 256
ALL: Final = 2**64 - 1
_PATIENCE: Final = 16
"""A limit is lowered when a sample has grown by this part of its size: sorting for each batch costs more."""


@dataclass(slots=True)
class _Window:
    limit: int = ALL
    count: int = 0
    hashes: list[Hashes] = field(default_factory=list)


class Lowest:
    """The lowest hashes of each window that this process knows of."""

    def __init__(self, size: int) -> None:
        """Keep the lowest `size` of each window."""
        self.size = size
        self._lock = threading.Lock()
        self._windows: OrderedDict[Cell, _Window] = OrderedDict()

    def limit(self, cell: Cell) -> int:
        """Give a hash that those above cannot be among the lowest."""
        window = self._windows.get(cell)
        return ALL if window is None else window.limit

    def add(self, cell: Cell, fresh: Hashes) -> None:
        """Remember hashes that are committed."""
        with self._lock:
            window = self._windows.get(cell)
            if window is None:
                window = self._windows[cell] = _Window()
            self._windows.move_to_end(cell)
            while len(self._windows) > REMEMBERED_WINDOWS:
                self._windows.popitem(last=False)
            window.hashes.append(fresh)
            window.count += len(fresh)
            patience = 0 if window.limit == ALL else self.size // _PATIENCE
            if window.count >= self.size + patience:
                lowest = np.partition(np.concatenate(window.hashes), self.size - 1)[: self.size]
                window.hashes, window.count, window.limit = [lowest], self.size, int(lowest[-1])
