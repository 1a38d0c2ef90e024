"""What a first pass read, kept on disk as plain arrays, so that a second pass need not parse."""

import errno
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from app.drift.columns import Block, CategoricalColumn, Column, NumericColumn
from app.monitor.decimals import Decimals, Whole
from app.wire.arriving import Arriving, complete
from app.wire.table import START, Mark

FREE_SHARE: Final = 2
"""The part of the free disk that may be filled, as a divisor."""
BUFFER: Final = 1 << 20
SIZES: Final = np.dtype("<i8")

Arrays = dict[tuple[str, str], NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Portion:
    """Some rows that count: the window that each is in, whether it brought a time, and its features.

    What `block` holds, `columns` need not.
    """

    starts: NDArray[np.int64]
    timed: NDArray[np.bool_]
    columns: Mapping[str, Column]
    block: Block | None

    def __len__(self) -> int:
        return len(self.starts)


class Spill:
    """Portions in a file without a name, in order; beyond its room, or on a full disk, it keeps no more.

    What is kept ends at a mark then, from where the rest can be read again. All comes back to the bit, but that a zero
    may lose its sign.
    """

    def __init__(self, folder: Path, *, room: int, arriving: Arriving | None = None) -> None:
        """Take at most `room` bytes, no more than half of what the disk has free, and leave it what is to come."""
        self._file: Any = None
        self._arriving = arriving or complete()
        self._room = 0
        self._kept = self._marked = 0
        self._mark = START
        self._whole = False
        self._decimals = Decimals()
        with suppress(OSError):
            self._file = tempfile.TemporaryFile(dir=folder, prefix=".spill-", buffering=0)  # noqa: SIM115
            self._room = min(room, _free(self._file.fileno()) // FREE_SHARE)
            self._whole = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def whole(self) -> bool:
        """Tell whether all portions that were added are there."""
        return self._whole

    @property
    def mark(self) -> Mark:
        """Where in their file those begin that are not there."""
        return self._mark

    def close(self) -> None:
        """Give everything up."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        self._file, self._mark, self._whole, self._kept = None, START, False, 0

    def add(self, portion: Portion, mark: Mark | None = None) -> bool:
        """Keep one more portion and tell whether it is; its file may be read on from the `mark`."""
        if not self._whole:
            return False
        try:
            self._write(*_packed(portion, self._decimals))
        except OSError:
            self._whole, self._kept = False, self._marked
            if not self._kept:
                self.close()
            return False
        self._kept += 1
        if mark is not None:
            self._mark, self._marked = mark, self._kept
        return True

    def _write(self, arrays: list[NDArray[Any]], head: bytes) -> None:
        """Write a portion; OSError when there is no room for all of it."""
        held = sum(array.nbytes for array in arrays)
        sizes = np.array([len(head), held], SIZES).tobytes()
        octets = memoryview(b"".join((sizes, head, *(array.data for array in arrays))))
        self._room -= len(octets)
        if self._room < 0 or _free(self._file.fileno()) < len(octets) + self._arriving.to_come:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        while octets:
            octets = octets[self._file.write(octets) :]

    def portions(self) -> Iterator[Portion]:
        """Read what is kept again."""
        if self._file is None:
            return
        self._file.seek(0)
        file: Any
        with open(self._file.fileno(), "rb", buffering=BUFFER, closefd=False) as file:
            for _ in range(self._kept):
                head, held = np.frombuffer(file.read(2 * SIZES.itemsize), SIZES).tolist()
                described = orjson.loads(file.read(head))
                octets = np.empty(held, np.uint8)
                file.readinto(octets.data)
                yield _unpacked(described, octets)


def _free(descriptor: int) -> int:
    disk = os.statvfs(descriptor)
    return disk.f_bavail * disk.f_frsize


def _packed(portion: Portion, decimals: Decimals) -> tuple[list[NDArray[Any]], bytes]:
    """Give the arrays of a portion, the widest first so that each lies aligned, and what to know of them."""
    arrays: Arrays = {("starts", ""): portion.starts, ("timed", ""): portion.timed}
    words: dict[str, tuple[str, ...]] = {}
    block, whole = portion.block, None
    if block is not None:
        whole = decimals.whole(list(block.places), block.values) if _is_plain(block) else None
        if whole is not None:
            arrays["whole", ""] = whole.integers
        arrays["block", ""] = block.values if whole is None else np.delete(block.values, whole.columns, axis=0)
    for name, column in portion.columns.items():
        if isinstance(column, CategoricalColumn):
            arrays["codes", name], words[name] = column.codes, column.categories
        else:
            arrays["values", name] = column.values
            if column.state is not None:
                arrays["state", name] = column.state
    ordered = sorted(arrays.items(), key=lambda one: -one[1].itemsize)
    described = {
        "arrays": [(*key, array.dtype.str, array.shape) for key, array in ordered],
        "words": words,
        "places": None if block is None else dict(block.places),
        "whole": None if whole is None else (whole.columns, whole.scales),
    }
    return [np.ascontiguousarray(array) for _, array in ordered], orjson.dumps(described)


def _unpacked(described: dict[str, Any], octets: NDArray[np.uint8]) -> Portion:
    arrays: Arrays = {}
    at = 0
    for kind, name, dtype, shape in described["arrays"]:
        end = at + int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        arrays[kind, name] = octets[at:end].view(dtype).reshape(shape)
        at = end
    columns: dict[str, Column] = {}
    for (kind, name), array in arrays.items():
        if kind == "codes":
            columns[name] = CategoricalColumn(array, tuple(described["words"][name]))
        elif kind == "values":
            columns[name] = NumericColumn(array, arrays.get(("state", name)))
    places = described["places"]
    block = None if places is None else Block(places, _values(described, arrays))
    return Portion(arrays["starts", ""], arrays["timed", ""], columns, block)


def _is_plain(block: Block) -> bool:
    """Tell whether the rows of a block are its columns in the order of their names."""
    return list(block.places.values()) == list(range(len(block.values)))


def _values(described: dict[str, Any], arrays: Arrays) -> NDArray[np.float64]:
    """Put the values of a block together."""
    rest: NDArray[np.float64] = arrays["block", ""]
    if described["whole"] is None:
        return rest
    whole = Whole(described["whole"][0], arrays["whole", ""], described["whole"][1])
    values = np.empty((len(described["places"]), rest.shape[1]))
    if len(rest):
        values[np.delete(np.arange(len(values)), whole.columns)] = rest
    whole.write(values)
    return values
