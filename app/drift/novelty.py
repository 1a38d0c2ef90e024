"""What a window holds beyond the named categories: how many different values, and the commonest new ones.

Merging is exact in any order until there are more than NAMES new values; after that each count may be too low by
`error` (Misra and Gries, 1982; merged as by Agarwal et al., 2012), at most a hundredth of the new values' rows.
"""

import json
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.categories import CategoricalBins, Placed, may_have_a_bin
from app.drift.distinct import REGISTERS, Registers, estimate, registers_of

NAMES: Final = 100
_HEAD: Final = struct.Struct("<IIQI")
_SPARSE: Final = REGISTERS // 3


@dataclass(frozen=True, slots=True, eq=False)
class Novelty:
    """Values of one feature without a bin of their own: registers over all of them, counts of the unseen by name."""

    registers: Registers
    names: Mapping[str, int]
    error: int = 0

    def __add__(self, other: "Novelty") -> "Novelty":
        """Both together."""
        names = dict(self.names)
        for name, count in other.names.items():
            names[name] = names.get(name, 0) + count
        kept, lost = _heaviest(names)
        return Novelty(np.maximum(self.registers, other.registers), kept, self.error + other.error + lost)

    @property
    def distinct(self) -> int:
        """About how many different values."""
        return estimate(self.registers)

    def top(self, count: int) -> list[tuple[str, int]]:
        """The commonest new values and how often each occurred at least, ties by text."""
        return sorted(self.names.items(), key=lambda one: (-one[1], one[0]))[:count]


Novelties = Mapping[int, Novelty]
"""By feature number."""


def novelty(
    bins: CategoricalBins, placed: Placed, *, categories: Sequence[str], counts: NDArray[np.int64], named: bool
) -> Novelty | None:
    """Look at one window: `counts` are the rows of each category; None when all have a bin of their own."""
    mine = counts[placed.strangers] > 0
    if not mine.any():
        return None
    strangers, hashes = placed.strangers[mine], placed.hashes[mine]
    new = placed.table[strangers] == bins.unseen
    chosen, lost = _chosen(counts[strangers[new]], hashes[new]) if named else (np.zeros(0, np.intp), 0)
    unseen = strangers[new][chosen].tolist()
    names = {categories[s]: int(counts[s]) - lost for s in unseen if may_have_a_bin(categories[s])}
    return Novelty(registers_of(hashes), names, lost)


def together(parts: Collection[Novelties]) -> dict[int, Novelty]:
    """Add up what several batches brought to one window."""
    whole: dict[int, Novelty] = {}
    for part in parts:
        for feature, own in part.items():
            whole[feature] = whole[feature] + own if feature in whole else own
    return whole


def packed(novelties: Novelties) -> bytes:
    """Write features one after the other: such bytes may also stand one after the other."""
    return b"".join(_packed(feature, novelties[feature]) for feature in sorted(novelties))


def unpacked(data: bytes) -> dict[int, Novelty]:
    """Read what `packed` wrote, once or several times in a row; other bytes raise ValueError."""
    return together([{feature: own} for feature, own in _unpacked(data)])


def _chosen(counts: NDArray[np.int64], hashes: NDArray[np.uint64]) -> tuple[NDArray[np.intp], int]:
    """As `_heaviest` for one batch, ties by hash: which of the counts to keep, and what to take off them."""
    if len(counts) <= NAMES:
        return np.arange(len(counts)), 0
    lost = int(np.partition(counts, len(counts) - 1 - NAMES)[len(counts) - 1 - NAMES])
    above, level = np.flatnonzero(counts > lost), np.flatnonzero(counts == lost)
    level = level[np.argsort(hashes[level])[: NAMES - len(above)]]
    return np.concatenate([above, level]), lost


def _heaviest(names: dict[str, int]) -> tuple[dict[str, int], int]:
    """Keep the NAMES largest counts, ties by text, and take the next one off all of them."""
    if len(names) <= NAMES:
        return names, 0
    ranked = sorted(names, key=lambda name: (-names[name], name))
    lost = names[ranked[NAMES]]
    return {name: names[name] - lost for name in ranked[:NAMES]}, lost


def _packed(feature: int, own: Novelty) -> bytes:
    held = np.flatnonzero(own.registers)
    sparse = held.astype("<u2").tobytes() + own.registers[held].tobytes()
    registers = sparse if len(held) < _SPARSE else own.registers.tobytes()
    names = json.dumps(own.names, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    return _HEAD.pack(feature, len(registers), own.error, len(names)) + registers + names


def _unpacked(data: bytes) -> Iterator[tuple[int, Novelty]]:
    place = 0
    while place < len(data):
        if len(data) - place < _HEAD.size:
            raise ValueError("these bytes end within a head")
        feature, length, error, size = _HEAD.unpack_from(data, place)
        first = place + _HEAD.size
        place = first + length + size
        if place > len(data) or (length != REGISTERS and length % 3):
            raise ValueError("these bytes are cut short")
        registers = _registers(np.frombuffer(data, np.uint8, length, first))
        yield feature, Novelty(registers, json.loads(data[first + length : place]), error)


def _registers(octets: NDArray[np.uint8]) -> Registers:
    if len(octets) == REGISTERS:
        return octets
    held = len(octets) // 3
    registers = np.zeros(REGISTERS, dtype=np.uint8)
    registers[octets[: 2 * held].view("<u2")] = octets[2 * held :]
    return registers
