"""A calibration as bytes and back, bit for bit."""

import json
import struct
import zlib
from dataclasses import fields, is_dataclass
from typing import Any, Final

import numpy as np

from app.drift.calibration import Calibration
from app.drift.hours import Hours
from app.drift.normal import Normal
from app.drift.tail import Tail
from app.drift.volume import VolumeCalibration

_HEAD: Final = struct.Struct("<4sII")
_MAGIC: Final = b"DGC5"
_TYPES: Final = {kind.__name__: kind for kind in (Calibration, Hours, Normal, Tail, VolumeCalibration)}


def packed(calibration: Calibration) -> bytes:
    """Write a calibration: a head with a checksum, its shape as JSON, then its arrays, compressed."""
    arrays: list[bytes] = []
    shape = json.dumps(_described(calibration, arrays), separators=(",", ":")).encode()
    body = zlib.compress(b"".join([shape, *arrays]), 1)
    return _HEAD.pack(_MAGIC, len(shape), zlib.crc32(body)) + body


def unpacked(data: bytes) -> Calibration:
    """Read a calibration back; damaged bytes, or those of another make, raise ValueError."""
    magic, length, checksum = _HEAD.unpack(data[: _HEAD.size].ljust(_HEAD.size, b"\0"))
    body = data[_HEAD.size :]
    if len(data) < _HEAD.size or magic != _MAGIC or zlib.crc32(body) != checksum:
        message = "these bytes are no calibration of this version"
        raise ValueError(message)
    plain = zlib.decompress(body)
    found = _restored(json.loads(plain[:length]), memoryview(plain)[length:], [0])
    if not isinstance(found, Calibration):
        message = "these bytes hold something else than a calibration"
        raise TypeError(message)
    return found


def _described(value: Any, arrays: list[bytes]) -> Any:
    if isinstance(value, np.ndarray):
        arrays.append(np.ascontiguousarray(value).tobytes())
        return {"array": value.dtype.str, "shape": value.shape}
    if is_dataclass(value):
        parts = {each.name: _described(getattr(value, each.name), arrays) for each in fields(value)}
        return {"type": type(value).__name__, "fields": parts}
    if isinstance(value, tuple):
        return {"tuple": [_described(each, arrays) for each in value]}
    if isinstance(value, np.generic):
        return _described(np.asarray(value), arrays) | {"scalar": True}
    return {"value": value.hex() if isinstance(value, float) else value, "float": isinstance(value, float)}


def _restored(shape: Any, data: memoryview, at: list[int]) -> Any:
    if "array" in shape:
        dtype = np.dtype(shape["array"])
        count = int(np.prod(shape["shape"], dtype=np.int64))
        found = np.frombuffer(data, dtype, count, at[0]).reshape(shape["shape"])
        at[0] += count * dtype.itemsize
        return found[()] if shape.get("scalar") else found
    if "type" in shape:
        kind = _TYPES[shape["type"]]
        return kind(**{name: _restored(part, data, at) for name, part in shape["fields"].items()})
    if "tuple" in shape:
        return tuple(_restored(part, data, at) for part in shape["tuple"])
    return float.fromhex(shape["value"]) if shape["float"] else shape["value"]
