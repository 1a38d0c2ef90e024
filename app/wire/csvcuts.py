"""Where a block of CSV may be cut: behind a line end that is in no quoted cell."""

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

# A quote opens a cell only where the cell begins, and within it two stand for one; elsewhere it is a letter.
QUOTED: Final = re.compile(rb'(?<![^,\n\r])"(?:[^"]++|"")*+"?')
QUOTE: Final = ord('"')
BESIDE: Final = np.isin(np.arange(256), np.frombuffer(b',\n\r"', np.uint8))


def last_cut(text: bytes) -> int:
    """Give the length of the whole rows at the head of a text that begins with a row; 0 when there is none."""
    cut = _last_end(text, 0, len(text))
    if not cut or b'"' not in text or _is_outside(text, cut):
        return cut
    end = len(text)
    for start, after in reversed([quoted.span() for quoted in QUOTED.finditer(text)]):
        cut = _last_end(text, after, end)
        if cut:
            return cut
        end = start
    return _last_end(text, 0, end)


def _last_end(text: bytes, start: int, end: int) -> int:
    """Find what follows the last line end of a part; a carriage return that may be half of one is none."""
    return text.rfind(b"\n", start, end) + 1 or text.rfind(b"\r", start, min(end, len(text) - 1)) + 1


def _is_outside(text: bytes, cut: int) -> bool:
    """Tell whether the quotes before a cut plainly open and close cells, and all are closed; False when in doubt."""
    letters = np.frombuffer(text, np.uint8, cut)
    quotes = np.flatnonzero(letters == QUOTE)
    if len(quotes) % 2:
        return False
    opening, closing = quotes[::2], quotes[1::2]
    first = opening[:1] == 0
    # The cut is behind a line end, so that something follows each quote.
    return _all_beside(letters[opening[first.sum() :] - 1]) and _all_beside(letters[closing + 1])


def _all_beside(letters: NDArray[np.uint8]) -> bool:
    return bool(BESIDE[letters].all())
