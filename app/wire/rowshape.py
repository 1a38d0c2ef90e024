"""Which words the rows of one shape have on simdjson's tape, and reading rows that are all of that shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress, pairwise
from operator import not_
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.wire import tape
from app.wire.faults import MAX_NAMES
from app.wire.tape import INDEX, PAYLOAD, TAG, Tape, Words

BEFORE: Final = 2  # words of the root and of the array ahead of the first row, and as many behind the last one
_MOST_COUNTED: Final = 0xFFFFFF
_NUMBERS: Final = frozenset({tape.DOUBLE, tape.INTEGER, tape.UNSIGNED})
_OTHERS: Final = frozenset({tape.TEXT, tape.TRUE, tape.FALSE, tape.NULL})
_CONSTANTS: Final = {tape.TRUE: True, tape.FALSE: False, tape.NULL: None}
_DOUBLE: Final = np.uint64(tape.DOUBLE << 56)
_SIZE_BYTES: Final = 4
_COMPARED: Final = 1 << 16

Octets = NDArray[np.uint8]
Tags = NDArray[np.uint8]
Index: TypeAlias = NDArray[np.intp] | slice


class StrangeError(Exception):
    """A row is not like the first one."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Names whose strings follow each other: the place of the first one among all names, and their bytes."""

    first: int
    octets: Octets


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Words of numbers of shape (rows, numbers), their tags where some are no doubles, and lists of other values.

    The words lie on the tape, which holds until the parser reads on.
    """

    words: Words
    tags: Tags | None
    lists: list[list[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class RowShape:
    """Names of a row, and where among its `length` words are theirs, those of numbers and those of other values.

    `begins` gives for each name the first one of its run, `beyond` how far its string lies behind that one's. `places`
    numbers the names of numbers, `beside` is the text of all names over and over.
    """

    names: tuple[str, ...]
    numeric: tuple[str, ...]
    textual: tuple[str, ...]
    places: Mapping[str, int]
    length: int
    keys: Index
    begins: NDArray[np.intp]
    beyond: Words
    runs: tuple[Run, ...]
    beside: bytes
    numbers: Index
    doubles: Index
    others: tuple[int, ...]

    @classmethod
    def of(cls, found: Tape) -> "RowShape":
        """Read the first row word by word."""
        head = int(found.words[BEFORE])
        if head >> 56 != tape.OBJECT:
            raise StrangeError
        row: list[int] = found.words[BEFORE : head & INDEX].tolist()
        keys, kinds, at = [], [], 1
        while at < len(row) - 1:
            keys.append(at)
            kinds.append(row[at + 1] >> 56)
            at += 3 if kinds[-1] in _NUMBERS else 2
            if kinds[-1] not in _NUMBERS and kinds[-1] not in _OTHERS:
                raise StrangeError
        if not 0 < len(keys) <= MAX_NAMES:
            raise StrangeError
        starts = [row[key] & PAYLOAD for key in keys]
        own, names = _texts(found, starts)
        if len(set(names)) != len(names):
            raise StrangeError
        # The string of a value may lie between those of two names.
        firsts = [place for place, kind in enumerate([tape.TEXT, *kinds[:-1]]) if kind in _OTHERS]
        bounds = list(pairwise([*firsts, len(keys)]))
        runs = [Run(first, own[starts[first] : _end(own, starts[stop - 1])]) for first, stop in bounds]
        begins = np.repeat(firsts, [stop - first for first, stop in bounds])
        offsets = np.array(starts, np.uint64)
        is_number = [kind in _NUMBERS for kind in kinds]
        numeric = tuple(compress(names, is_number))
        return cls(
            names=tuple(names),
            numeric=numeric,
            textual=tuple(compress(names, map(not_, is_number))),
            places={name: place for place, name in enumerate(numeric)},
            length=len(row),
            keys=_index(keys),
            begins=begins,
            beyond=offsets - offsets[begins],
            runs=tuple(runs),
            beside=own.tobytes() * (_COMPARED // len(own) + 1),
            numbers=_index([key + 1 for key in compress(keys, is_number)]),
            doubles=_index([key + 2 for key in compress(keys, is_number)]),
            others=tuple(key + 1 for key in compress(keys, map(not_, is_number))),
        )

    def part(self, found: Tape, *, without: bytes = b"") -> Part:
        """Read an array of objects that are all of this shape; StrangeError when one is not.

        No string may hold the bytes of `without`.
        """
        rows, more = divmod(len(found.words) - 2 * BEFORE, self.length)
        if more or not rows:
            raise StrangeError
        table = found.words[BEFORE:-BEFORE].reshape(rows, self.length)
        heads = _heads(self.length, len(self.names), 1 << rows.bit_length())
        if not (table[:, 0] == heads[:rows]).all():
            raise StrangeError
        tags = self._tags(table)
        strings = self._named(found, table) if self.others else self._named_numbers(found, table)
        if without and without in strings.tobytes():
            raise StrangeError
        return Part(
            words=table[:, self.doubles],
            tags=tags,
            lists=[_values(strings, table[:, place].tolist()) for place in self.others],
        )

    def _named_numbers(self, found: Tape, table: Words) -> Octets:
        """Compare the names of rows that have no other strings: then all of them lie side by side."""
        strings = _whole(found, int(table[-1, self.keys][-1]) & PAYLOAD)
        if len(strings) != len(table) * len(self.runs[0].octets):
            raise StrangeError
        size = len(self.beside)
        # As bytes of Python, because arrays take three times as long to compare bytes.
        if not all(self.beside.startswith(strings[at : at + size].tobytes()) for at in range(0, len(strings), size)):
            raise StrangeError
        return strings

    def _named(self, found: Tape, table: Words) -> Octets:
        """Compare the names of rows whose strings lie between them; gives the strings."""
        keys = table[:, self.keys]
        firsts = keys[:, [run.first for run in self.runs]]
        beside = keys.take(self.begins, axis=1)
        if not ((firsts >> TAG) == tape.TEXT).all() or not (keys == beside + self.beyond).all():
            raise StrangeError
        last = [keys[-1, -1], table[-1, self.others[-1]]]
        strings = _whole(found, max(int(word) & PAYLOAD for word in last if int(word) >> 56 == tape.TEXT))
        firsts &= np.uint64(PAYLOAD)
        for run, places in zip(self.runs, firsts.T.astype(np.intp), strict=True):
            size = len(run.octets)
            if int(places.max()) + size > len(strings):
                raise StrangeError
            texts = np.ndarray((len(strings) - size + 1,), f"V{size}", strings.data, strides=(1,))
            if not (texts[places].view(np.uint8).reshape(-1, size) == run.octets).all():
                raise StrangeError
        return strings

    def _tags(self, table: Words) -> Tags | None:
        """Check that there are numbers where they should be; None when all are doubles."""
        words = table[:, self.numbers]
        if (words == _DOUBLE).all():
            return None
        tags = (words >> TAG).astype(np.uint8)
        if not ((tags == tape.DOUBLE) | (tags == tape.INTEGER) | (tags == tape.UNSIGNED)).all():
            raise StrangeError
        return tags


def first_row(found: Tape) -> tuple[float, int, int]:
    """Tell by the first word of a row how many such rows there are, and how many names and no numbers each has."""
    head = int(found.words[BEFORE])
    length = (head & INDEX) - BEFORE
    names = head >> 32 & _MOST_COUNTED
    if head >> 56 != tape.OBJECT:
        raise StrangeError
    return (len(found.words) - 2 * BEFORE) / length, names, 2 + 3 * names - length


@lru_cache(maxsize=4)
def _heads(length: int, names: int, rows: int) -> Words:
    """Give the first words of so many rows: each is an object of so many names and tells the place behind its end."""
    ends = np.arange(1, rows + 1, dtype=np.uint64) * np.uint64(length) + np.uint64(BEFORE)
    return ends | np.uint64(tape.OBJECT << 56 | min(names, _MOST_COUNTED) << 32)


def _index(places: list[int]) -> Index:
    """Give a slice for places at equal distances, which costs less to read."""
    step = places[1] - places[0] if len(places) > 1 else 1
    plain = bool(places) and places == list(range(places[0], places[-1] + 1, step))
    return slice(places[0], places[-1] + 1, step) if plain else np.array(places, np.intp)


def _whole(found: Tape, latest: int) -> Octets:
    """Give the strings up to the end of the one that begins latest."""
    return found.strings(_end(found.strings(latest + _SIZE_BYTES), latest))


def _end(strings: Octets, start: int) -> int:
    """Find the end of a string, behind its zero."""
    return start + _SIZE_BYTES + int.from_bytes(strings[start : start + _SIZE_BYTES].tobytes(), "little") + 1


def _texts(found: Tape, starts: list[int]) -> tuple[Octets, list[str]]:
    """Read strings in their order; gives the bytes of all, and their texts."""
    own = _whole(found, starts[-1]).copy()
    data = own.tobytes()
    texts = []
    for start in starts:
        first = start + _SIZE_BYTES
        texts.append(str(data[first : first + int.from_bytes(data[start:first], "little")], "utf-8"))
    return own, texts


def _values(strings: Octets, words: list[int]) -> list[Any]:
    """Read strings and constants."""
    view = strings.data
    values: list[Any] = []
    for word in words:
        kind = word >> 56
        if kind == tape.TEXT:
            start = (word & PAYLOAD) + _SIZE_BYTES
            size = int.from_bytes(view[start - _SIZE_BYTES : start], "little")
            values.append(str(view[start : start + size], "utf-8"))
        elif kind in _CONSTANTS:
            values.append(_CONSTANTS[kind])
        else:
            raise StrangeError
    return values
