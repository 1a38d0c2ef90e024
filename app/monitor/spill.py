"""What a first pass read, kept on disk as plain arrays, so that a second pass need not parse."""

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
    """Portions in a file without a name, in order; beyond its room, or on a full disk, it gives them all up.

    All comes back to the bit, but that a zero may lose its sign.
    """

    def __init__(self, folder: Path, *, room: int) -> None:
        """Take at most `room` bytes, and no more than half of what the disk has free."""
        self._file: Any = None
        self._room = 0
        self._kept = 0
        self._decimals = Decimals()
        with suppress(OSError):
            disk = os.statvfs(folder)
            self._room = min(room, disk.f_bavail * disk.f_frsize // FREE_SHARE)
            self._file = tempfile.TemporaryFile(dir=folder, prefix=".spill-", buffering=BUFFER)  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def whole(self) -> bool:
        """Tell whether all portions that were added are there."""
        return self._file is not None

    def close(self) -> None:
        """Give everything up."""
        with suppress(OSError):
            if self._file is not None:
                self._file.close()
        self._file = None

    def add(self, portion: Portion) -> None:
        """Keep one more portion."""
        if self._file is None:
            return
        arrays, head = _packed(portion, self._decimals)
        held = sum(array.nbytes for array in arrays)
        sizes = np.array([len(head), held], SIZES).tobytes()
        self._room -= len(sizes) + len(head) + held
        self._kept += 1
        try:
            if self._room < 0:
                self.close()
                return
            self._file.write(sizes + head)
            for array in arrays:
                self._file.write(array.data)
        except OSError:
            self.close()

    def portions(self) -> Iterator[Portion]:
        """Read all portions again; ValueError when they were given up."""
        if self._file is None:
            raise ValueError("nothing was kept")
        self._file.seek(0)
        for _ in range(self._kept):
            head, held = np.frombuffer(self._file.read(2 * SIZES.itemsize), SIZES).tolist()
            described = orjson.loads(self._file.read(head))
            octets = np.empty(held, np.uint8)
            self._file.readinto(octets.data)
            yield _unpacked(described, octets)


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
