"""JSON arrays of numbers to doubles, without a Python object for each."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.wire.cells import Doubles

DOUBLE_BYTES: Final = 8

Nulls = NDArray[np.bool_]

# Longer words first, each with a number to stand for it while it is read, and its value.
WORDS: Final = {
    b"-Infinity": (b" 5e-324 ", -np.inf),
    b"Infinity": (b" 1e-323 ", np.inf),
    b"NaN": (b" 15e-324 ", np.nan),
    b"null": (b" 2e-323 ", 0.0),
}
_WAYS: Final[tuple[tuple[bytes, ...], ...]] = ((), (b"null",), tuple(WORDS))


class DoublesReader:
    """Reads one array after the other, each first in the way that served the last one."""

    def __init__(self) -> None:
        import simdjson  # noqa: PLC0415 - 7 MB that only JSON bodies of some size need

        self._parser: Any = simdjson.Parser()
        self._words: tuple[bytes, ...] = ()

    def plain(self, text: bytes) -> Any:
        """Read numbers as octets, unless the last array was not as plain; None when there is anything else."""
        if self._words:
            return None
        try:
            return self._parser.parse(text).as_buffer(of_type="d")
        except (TypeError, ValueError, RuntimeError):
            return None

    def fill(self, rows: Doubles, text: bytes, spans: Sequence[tuple[int, int]], *, first: int, largest: int) -> int:
        """Read a span of the text into each row from the first on; gives which span is not as many plain numbers.

        That is also one of more than `largest` bytes, and any at all unless the last array was plain.
        """
        if self._words:
            return first
        parse, room, size = self._parser.parse, rows.reshape(-1).view(np.uint8).data, rows.shape[1] * DOUBLE_BYTES
        row = first
        try:
            for row in range(first, len(spans)):
                start, stop = spans[row]
                if stop - start > largest:
                    return row
                room[row * size : (row + 1) * size] = parse(text[start:stop]).as_buffer(of_type="d")
        except (TypeError, ValueError, RuntimeError):
            return row
        return len(spans)

    def numbers(self, text: bytes) -> tuple[Doubles, Nulls | None]:
        """Read numbers, nulls (0 among the numbers) and words for what is not finite; ValueError at anything else."""
        tried = set()
        for words in dict.fromkeys([self._words, *_WAYS]):
            held = tuple(word for word in words if word in text)
            if held in tried:
                continue
            tried.add(held)
            try:
                found = self._read(text, held)
            except (TypeError, ValueError, RuntimeError):
                continue
            self._words = words
            return found
        self._words = ()
        raise ValueError("there is something else than numbers in the array")

    def _read(self, text: bytes, words: tuple[bytes, ...]) -> tuple[Doubles, Nulls | None]:
        """Read numbers among which are words; ValueError when it cannot be told where the words stood.

        Each word is read as a number that nobody means. Blanks around it keep what was no JSON from becoming some.
        """
        counts = {}
        for word in words:
            counts[word] = text.count(word)
            text = text.replace(word, WORDS[word][0])
        doubles = np.frombuffer(self._parser.parse(text).as_buffer(of_type="d"), np.float64)
        if not counts:
            return doubles, None
        found, nulls = doubles.copy(), None
        for word, count in counts.items():
            here = doubles == float(WORDS[word][0])
            if int(np.count_nonzero(here)) != count:
                raise ValueError("somebody meant that number")
            found[here] = WORDS[word][1]
            nulls = here if word == b"null" else nulls
        return found, nulls
