"""Messages of one layout, read all at once: where tags, names and lengths are the same bytes, only values differ."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FEWEST: Final = 8
"""Messages of one length that are worth a layout."""
TRIES: Final = 4
"""Layouts looked for among messages of one length."""
CELLS: Final = 8 << 20
"""Bytes of messages that are compared at a time."""
_MORE: Final = 0x80

Bytes = NDArray[np.uint8]
Spans = Sequence[tuple[int, int]]


class Held(IntEnum):
    """What a slot holds."""

    DOUBLE = 0
    INTEGER = 1
    FLAG = 2
    TEXT = 3
    MOMENT = 4
    ANYTHING = 5
    SAME = 6


@dataclass(frozen=True, slots=True)
class Slot:
    """A value in messages of one layout: its place from the start of the message; `same` is one that never differs."""

    name: str
    held: Held
    first: int
    last: int
    same: Any = None

    def values(self, messages: Bytes) -> list[Any]:
        """Read the value of every message, shape (messages, bytes)."""
        if self.held is Held.SAME:
            return [self.same] * len(messages)
        octets = np.ascontiguousarray(messages[:, self.first : self.last])
        if self.held is Held.TEXT:
            return _texts(octets)
        found: list[Any]
        if self.held in {Held.DOUBLE, Held.MOMENT}:
            found = octets.view("<f8" if self.held is Held.DOUBLE else "<u8")[:, 0].tolist()
            return found
        shifts = np.arange(0, 7 * octets.shape[1], 7, dtype=np.uint64)
        numbers = np.bitwise_or.reduce((octets & (_MORE - 1)).astype(np.uint64) << shifts, axis=1)
        found = ((numbers != 0) if self.held is Held.FLAG else numbers.view(np.int64)).tolist()
        return found


def _texts(octets: Bytes) -> list[str]:
    width = octets.shape[1]
    whole = octets.tobytes()
    known: dict[bytes, str] = {}
    texts = []
    for place in range(0, len(whole), width) if width else ():
        part = whole[place : place + width]
        text = known.get(part)
        if text is None:
            text = known[part] = part.decode("utf-8", "replace")
        texts.append(text)
    return texts or [""] * len(octets)


@dataclass(frozen=True, slots=True)
class Layout:
    """The slots of messages, and a mask over their bytes: the bits that all messages of the layout share."""

    slots: tuple[Slot, ...]
    mask: Bytes
    example: Bytes

    @classmethod
    def of(cls, example: bytes, slots: Sequence[Slot]) -> "Layout":
        """Free the bytes of values; of a number that is written in several bytes, how many it has is fixed."""
        mask = np.full(len(example), 0xFF, np.uint8)
        for slot in slots:
            if slot.held is not Held.SAME:
                mask[slot.first : slot.last] = _MORE if slot.held in {Held.INTEGER, Held.FLAG} else 0
        return cls(tuple(slots), mask, np.frombuffer(example, np.uint8) & mask)

    def fits(self, messages: Bytes) -> NDArray[np.bool_]:
        """Tell of each message whether it has this layout."""
        fits: NDArray[np.bool_] = ((messages & self.mask) == self.example).all(axis=1)
        return fits


def read_alike(
    data: bytes,
    spans: Spans,
    *,
    slots_of: Callable[[int, int], list[Slot] | None],
    read: Callable[[int, int], Any],
    make: Callable[[Layout, list[list[Any]]], list[Any]],
) -> list[Any]:
    """Read messages in their order: those of one layout by `make` out of its slots' values, others one by one."""
    found: list[Any] = [None] * len(spans)
    left = np.ones(len(spans), np.bool_)
    places = np.array(spans, np.int64).reshape(-1, 2)
    sizes = places[:, 1] - places[:, 0]
    whole = np.frombuffer(data, np.uint8)
    order = np.argsort(sizes, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(sizes[order])) + 1):
        alike, length = group, int(sizes[group[0]]) if len(group) >= FEWEST else 0
        for _ in range(TRIES if length else 0):
            start = int(places[alike[0], 0])
            slots = slots_of(start, start + length)
            if slots is None:
                break
            layout = Layout.of(data[start : start + length], slots)
            taken = _take(whole, places[:, 0], alike, layout=layout, found=found, make=make)
            left[taken] = False
            alike = np.setdiff1d(alike, taken, assume_unique=True)
            if len(alike) < FEWEST or len(taken) < FEWEST:
                break
    for place in np.flatnonzero(left).tolist():
        found[place] = read(*spans[place])
    return found


def _take(  # noqa: PLR0913 - what is taken, from where and to where
    whole: Bytes,
    starts: NDArray[np.int64],
    alike: NDArray[np.int64],
    *,
    layout: Layout,
    found: list[Any],
    make: Callable[[Layout, list[list[Any]]], list[Any]],
) -> NDArray[np.int64]:
    """Read those of some messages that have a layout; gives which."""
    step = max(1, CELLS // len(layout.example))
    offsets = np.arange(len(layout.example))
    taken = []
    for first in range(0, len(alike), step):
        some = alike[first : first + step]
        messages = whole[starts[some][:, None] + offsets]
        fits = layout.fits(messages)
        mine = some[fits]
        fitting = messages[fits]
        for place, row in zip(
            mine.tolist(), make(layout, [slot.values(fitting) for slot in layout.slots]), strict=True
        ):
            found[place] = row
        taken.append(mine)
    return np.concatenate(taken)
