"""The accepted windows that vouch for what is normal."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.drift.layout import Bools, Ints


@dataclass(frozen=True, slots=True)
class Trailing:
    """Accepted windows in time order: starts (W,), counts (W, total), rows (W,).

    `own`, shape (W,), marks the windows whose rows are part of the published baseline. `accepted`, shape (W, F), is
    None when every window vouches for every feature; `volume_accepted`, shape (W,), likewise.
    """

    starts: Ints
    counts: NDArray[np.integer]
    rows: Ints
    own: Bools
    accepted: Bools | None = None
    volume_accepted: Bools | None = None

    def __len__(self) -> int:
        return len(self.starts)
