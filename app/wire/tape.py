"""What simdjson has read, where it lies: its tape of words and its strings, without an object of Python for each.

The tape is documented (doc/tape.md of simdjson), its address is what the binding keeps in its array. Where that is
was tried on a text whose tape is known before it is believed; otherwise there is no tape, and others read the body.
"""

import ctypes
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

ROOT, ARRAY, ARRAY_END, OBJECT, OBJECT_END = map(ord, "r[]{}")
TEXT, INTEGER, UNSIGNED, DOUBLE, TRUE, FALSE, NULL = map(ord, '"ludtfn')
TAG: Final = np.uint64(56)
PAYLOAD: Final = (1 << 56) - 1
INDEX: Final = (1 << 32) - 1

_HEAD: Final = 16  # of every object of CPython on 64 bits
_WORD: Final = 8
# The binding's array holds its methods, its parser, the document and a place in it, and a shared pointer of two words.
_ARRAY_BYTES: Final = _HEAD + 6 * _WORD
_DOCUMENT: Final = _HEAD + 2 * _WORD
_SPAN: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r")
_KNOWN: Final = b'[{"ab":0.5,"":-3},[null]]'


# All there is to address, but for the first word, where nothing lies. A view of it costs a tenth of what an array made
# by the protocol of arrays does, and there are several for every part of a body.
_MEMORY: Final = memoryview((ctypes.c_uint8 * (1 << 62)).from_address(_WORD)).toreadonly()


@dataclass(frozen=True, slots=True)
class Tape:
    """The words of a document and the address of its strings; both hold until its parser reads another one."""

    words: Words
    address: int

    def strings(self, size: int) -> NDArray[np.uint8]:
        """Give the first bytes of the strings: for each its length in four bytes, its UTF-8 and a zero."""
        return np.ndarray((size,), np.uint8, _MEMORY, self.address - _WORD)


def tape_of(array: Any) -> Tape:
    """Give the tape of the document that an array of simdjson is the root of, if `trusted`."""
    words, strings = _document(_word(id(array) + _DOCUMENT))
    return Tape(_words(words, _word(words) & PAYLOAD), strings)


@cache
def trusted() -> bool:
    """Tell whether the tape lies where it is looked for; every address is known to be readable before it is read."""
    import simdjson  # noqa: PLC0415 - 7 MB that only JSON bodies of some size need

    parser: Any = simdjson.Parser()
    array = parser.parse(_KNOWN)
    if np.dtype(np.uintp).itemsize != _WORD or type(array).__basicsize__ != _ARRAY_BYTES:
        return False
    document = _word(id(array) + _DOCUMENT)
    if not _readable(document, 2 * _WORD):
        return False
    words, strings = _document(document)
    if not (_readable(words, _WORD * len(_expected())) and _readable(strings, len(_STRINGS))):
        return False
    tape = Tape(_words(words, len(_expected())), strings)
    return tape.words.tolist() == _expected() and tape.strings(len(_STRINGS)).tobytes() == _STRINGS


_STRINGS: Final = b"\2\0\0\0ab\0\0\0\0\0\0"


def _expected() -> list[int]:
    half = int(np.array([0.5]).view(np.uint64)[0])
    words = [
        (ROOT, 15),
        (ARRAY, 2 << 32 | 14),
        (OBJECT, 2 << 32 | 10),
        (TEXT, 0),
        (DOUBLE, 0),
        None,
        (TEXT, 7),
        (INTEGER, 0),
        None,
        (OBJECT_END, 2),
        (ARRAY, 1 << 32 | 13),
        (NULL, 0),
        (ARRAY_END, 10),
        (ARRAY_END, 1),
        (ROOT, 0),
    ]
    values = iter([half, 2**64 - 3])
    return [next(values) if word is None else word[0] << 56 | word[1] for word in words]


def _words(address: int, size: int) -> Words:
    return np.ndarray((size,), np.uint64, _MEMORY, address - _WORD)


def _word(address: int) -> int:
    return ctypes.c_uint64.from_address(address).value


def _document(address: int) -> tuple[int, int]:
    """Give the addresses of the tape and of the strings, with which a document begins."""
    return _word(address), _word(address + _WORD)


def _readable(address: int, size: int) -> bool:
    """Tell whether memory is mapped and may be read; nothing is known of that where there is no /proc."""
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    spans = [(int(span[1], 16), int(span[2], 16)) for line in lines if (span := _SPAN.match(line))]
    return any(first <= address and address + size <= stop for first, stop in spans)
