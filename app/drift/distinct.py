"""How many different values there were: HyperLogLog registers, which merge by maximum in any order.

Flajolet, Fusy, Gandouet and Meunier (2007), with the estimator of Ertl (2017, arXiv:1702.01284) that needs no
correction for small or large counts. 4,096 registers: a standard error of 1.6 %.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Registers = NDArray[np.uint8]

PRECISION: Final = 12
REGISTERS: Final = 1 << PRECISION
_REST: Final = 64 - PRECISION


def registers_of(hashes: NDArray[np.uint64]) -> Registers:
    """Enter hashes into fresh registers, shape (4096,)."""
    registers = np.zeros(REGISTERS, dtype=np.uint8)
    rest = (hashes & np.uint64(2**_REST - 1)).astype(np.float64)
    ranks = (_REST + 1 - np.frexp(rest)[1]).astype(np.uint8)
    np.maximum.at(registers, (hashes >> np.uint64(_REST)).astype(np.intp), ranks)
    return registers


def estimate(registers: Registers) -> int:
    """About how many different hashes were entered."""
    held = np.bincount(registers, minlength=_REST + 2).tolist()
    z = REGISTERS * _tau(1 - held[_REST + 1] / REGISTERS)
    for count in reversed(held[1 : _REST + 1]):
        z = 0.5 * (z + count)
    z += REGISTERS * _sigma(held[0] / REGISTERS)
    return round(REGISTERS**2 / (2 * float(np.log(2)) * z))


def _sigma(x: float) -> float:
    if x == 1:
        return float("inf")
    y, z, before = 1.0, x, -1.0
    while z != before:
        x *= x
        before = z
        z += x * y
        y += y
    return z


def _tau(x: float) -> float:
    if x in {0.0, 1.0}:
        return 0.0
    y, z, before = 1.0, 1 - x, -1.0
    while z != before:
        x **= 0.5
        before = z
        y *= 0.5
        z -= (1 - x) ** 2 * y
    return z / 3
