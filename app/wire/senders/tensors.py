"""Tensors of the Open Inference Protocol, as JSON or as bytes, to flat values in row order."""

import struct
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.wire.faults import check_rows, clip, undecodable
from app.wire.senders.sides import Flat, Part

TYPES: Final = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BF16": np.dtype("<u2"),
}
MAX_DEPTH: Final = 16
LENGTH_BYTES: Final = 4
_LENGTH: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named tensor; `data` is a list of JSON values, raw bytes, or values that were read already."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: list[Any] | memoryview | NDArray[Any] | pa.Array

    def part(self) -> Part:
        """Give rows and columns; BadRequest when the shape and the data disagree."""
        if any(side < 0 for side in self.shape) or len(self.shape) > MAX_DEPTH:
            raise self._odd("has an unlawful shape")
        rows = self.shape[0] if self.shape else 1
        width = prod(self.shape[1:])
        values = self._values(rows * width)
        if len(values) != rows * width:
            raise self._odd(f"has the shape {list(self.shape)}, but {len(values)} values")
        check_rows(rows)
        return Part(self.name, values, rows, width if rows else max(width, 1), deep=len(self.shape) > 1)

    def _values(self, count: int) -> Flat:
        data = self.data
        if isinstance(data, list):
            return _flattened(data, depth=len(self.shape))
        if not isinstance(data, memoryview):
            return data
        if self.datatype == "BYTES":
            return texts(data, count)
        kind = TYPES.get(self.datatype)
        if kind is None:
            raise self._odd(f"is of the unknown type {clip(ascii(self.datatype))}")
        if len(data) != count * kind.itemsize:
            raise self._odd(f"has the shape {list(self.shape)}, but {len(data)} bytes")
        return widened(np.frombuffer(data, kind), self.datatype)

    def _odd(self, what: str) -> Exception:
        return undecodable(f"the tensor {clip(ascii(self.name))} {clip(what)}")


def widened(values: NDArray[Any], datatype: str) -> NDArray[Any]:
    """Give half-precision numbers as floats of four bytes."""
    if datatype == "BF16":
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32) if datatype == "FP16" else values


def texts(data: memoryview, count: int) -> pa.Array:
    """Read texts that each follow their length; those of one length are read at once."""
    octets = np.frombuffer(data, np.uint8)
    if count * LENGTH_BYTES > len(octets) or (not count and len(octets)):
        raise undecodable("a BYTES tensor is shorter or longer than its shape")
    ends = _ends(octets, data, count)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]]) if count else ends
    kept = np.ones(len(octets), np.bool_)
    kept[(starts[:, None] + np.arange(LENGTH_BYTES)).ravel()] = False
    offsets = np.zeros(count + 1, np.int64)
    offsets[1:] = np.cumsum(ends - starts - LENGTH_BYTES)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(octets[kept])]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), count, buffers)


def _ends(octets: NDArray[np.uint8], data: memoryview, count: int) -> NDArray[np.int64]:
    """Find where each text ends."""
    step, odd = divmod(len(octets), max(count, 1))
    if count and not odd:
        lengths = np.ascontiguousarray(octets.reshape(count, step)[:, :LENGTH_BYTES]).view("<u4")
        if (lengths == step - LENGTH_BYTES).all():
            return np.arange(1, count + 1, dtype=np.int64) * step
    place, ends, read = 0, [], _LENGTH.unpack_from
    try:
        for _ in range(count):
            place += LENGTH_BYTES + read(data, place)[0]
            ends.append(place)
    except struct.error:
        raise undecodable("a BYTES tensor is cut short") from None
    if place != len(octets):
        raise undecodable("a BYTES tensor is shorter or longer than its shape")
    return np.array(ends, np.int64)


def _flattened(data: list[Any], *, depth: int) -> list[Any]:
    """Lay nested lists end to end; the shape tells how deep they may be."""
    for _ in range(depth):
        kinds = set(map(type, data))
        if list not in kinds:
            break
        if kinds != {list}:
            raise undecodable("the data of a tensor are nested unevenly")
        data = list(chain.from_iterable(data))
    return data
