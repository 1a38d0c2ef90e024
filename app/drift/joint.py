"""Calibrations of neighbouring features, put side by side."""

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.drift.calibration import Calibration
from app.drift.normal import Normal
from app.drift.tail import Tail


def _tails(laws: list[Tail]) -> Tail:
    return Tail(*[np.concatenate([getattr(law, field.name) for law in laws]) for field in fields(Tail)])


def _normals(norms: list[Normal]) -> Normal:
    return Normal(
        slope=np.concatenate([norm.slope for norm in norms]),
        place=np.concatenate([norm.place for norm in norms], axis=1),
        tail=_tails([norm.tail for norm in norms]),
    )


def joined(parts: list[Calibration], sums: NDArray[np.integer]) -> Calibration:
    """Put calibrations of neighbouring features side by side; their sums, by far the largest, already are."""

    def beside(name: str, axis: int) -> Any:
        return np.concatenate([getattr(part, name) for part in parts], axis=axis)

    return Calibration(
        row_of=beside("row_of", 1),
        sums=sums,
        own_rows=beside("own_rows", 1),
        level=beside("level", 0),
        sampling=beside("sampling", 0),
        lasting=beside("lasting", 0),
        score=_tails([part.score for part in parts]),
        psi=_normals([part.psi for part in parts]),
        ks=_normals([part.ks for part in parts]),
        ratios=(
            _tails([part.ratios[0] for part in parts]),
            _tails([part.ratios[1] for part in parts]),
            _tails([part.ratios[2] for part in parts]),
        ),
        special=beside("special", 1),
        rows=beside("rows", 0),
        tau=beside("tau", 1),
        witnesses=beside("witnesses", 0),
        days=beside("days", 0),
        volume=parts[0].volume,
        lean=parts[0].lean,
        min_rows=parts[0].min_rows,
    )
