"""Counts as planes, and journal payloads around them.

The counts of all features of a baseline, one after the other, are stored plane by plane, the most significant first.
What exceeds a byte is kept in byte planes, one byte a bin; the lowest byte in eight bit planes, in which bin i is bit
i % 8 of byte i // 8, as get_bit() of Postgres counts. Counts below 256 have no byte plane and only the bit planes they
need, at least one. A bit plane takes ceil(bins / 8) bytes, so the length tells the planes. The high planes of real
counts say little and come first, because Postgres gives up compressing a value whose first kilobyte does not shrink.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_HEADER: Final = struct.Struct("<BIIqI")
_FORMAT: Final = 1
_LEVEL: Final = 1
_FEW_ZEROS: Final = 4
_LARGEST_BITS: Final = 62
_BYTE: Final = 8
_DOUBLE: Final = 8
_SHIFTS: Final = np.arange(_BYTE - 1, -1, -1, dtype=np.uint64)[:, None]
_BITS: Final = (1 << _SHIFTS).astype(np.uint8)
_SPREAD: Final = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little").view(np.uint64)[:, 0]
"""For each byte its eight bits, the lowest first, as eight bytes of one number: they are moved together."""


class UnreadableError(ValueError):
    """Stored bytes are not what was written."""


@dataclass(frozen=True, slots=True)
class Payload:
    """Rows, counts of shape (bins,) and sums of shape (features,) of one window."""

    rows: int
    counts: NDArray[np.int64]
    sums: NDArray[np.float64]

    def plus(self, other: "Payload") -> "Payload":
        """Both together, the arrays of this one taking the sums; bins and features must agree."""
        if self.counts.shape != other.counts.shape or self.sums.shape != other.sums.shape:
            raise ValueError("payloads of different bins")
        with np.errstate(over="ignore", invalid="ignore"):
            np.add(self.sums, other.sums, out=self.sums)
        np.add(self.counts, other.counts, out=self.counts)
        return Payload(self.rows + other.rows, self.counts, self.sums)


def pack(counts: NDArray[np.int64]) -> bytes:
    """Lay counts of shape (bins,) out as planes."""
    if counts.size and int(counts.min()) < 0:
        raise ValueError("a count is negative")
    bits = max(1, int(counts.max()).bit_length() if counts.size else 1)
    if bits > _LARGEST_BITS:
        raise ValueError("a count is too large")
    octets = [(counts >> shift).astype(np.uint8) for shift in range(_BYTE * ((bits - 1) // _BYTE), 0, -_BYTE)]
    planes = np.packbits(counts.astype(np.uint8) & _BITS[-min(bits, _BYTE) :], axis=1, bitorder="little")
    return b"".join([plane.tobytes() for plane in [*octets, planes]])


def unpack(packed: bytes, bins: int, *, first: int = 0, stop: int | None = None) -> NDArray[np.int64]:
    """Read bins first..stop of a packed value of so many bins."""
    stop = bins if stop is None else stop
    stride = (bins + 7) // 8
    if not stride:
        return np.zeros(0, np.int64)
    split = max(0, len(packed) - _BYTE * stride)
    if not packed or split % bins or (len(packed) - split) % stride or split > _LARGEST_BITS // _BYTE * bins:
        raise UnreadableError(f"{len(packed)} bytes are no planes of {bins} bins")
    raw = np.frombuffer(packed, np.uint8)
    skip = first % 8
    planes = _SPREAD.take(raw[split:].reshape(-1, stride)[:, first // 8 : (stop + 7) // 8])
    planes <<= _SHIFTS[-len(planes) :]
    low: NDArray[np.uint8] = np.bitwise_or.reduce(planes, axis=0).view(np.uint8)[skip : skip + stop - first]
    counts = low.astype(np.int64)
    for shift, octets in enumerate(raw[:split].reshape(-1, bins)[::-1, first:stop], start=1):
        counts |= octets.astype(np.int64) << (_BYTE * shift)
    return counts


def encode(payload: Payload) -> bytes:
    """Write a journal payload: header, CRC-32, and sums and planes in zlib's format."""
    planes = pack(payload.counts)
    level = _LEVEL if _may_shrink(planes, len(payload.counts)) else 0
    body = zlib.compress(payload.sums.astype("<f8").tobytes() + planes, level)
    head = (_FORMAT, len(payload.counts), len(payload.sums), payload.rows)
    return _HEADER.pack(*head, zlib.crc32(body, zlib.crc32(repr(head).encode()))) + body


def _may_shrink(planes: bytes, bins: int) -> bool:
    """Tell whether compression is worth its time: for large counts, whose high bytes are alike, and for many zeros."""
    return len(planes) > bins + 8 or planes.count(0) * _FEW_ZEROS > len(planes)


def decode(data: bytes, *, shape: tuple[int, int] | None) -> Payload:
    """Read a journal payload of so many bins and features; UnreadableError when a byte of it has changed."""
    if len(data) < _HEADER.size:
        raise UnreadableError("shorter than its header")
    *head, checksum = _HEADER.unpack_from(data)
    version, bins, features, rows = head
    body = data[_HEADER.size :]
    if version != _FORMAT:
        raise UnreadableError(f"unknown format {version}")
    if zlib.crc32(body, zlib.crc32(repr(tuple(head)).encode())) != checksum:
        raise UnreadableError("checksum differs")
    if (bins, features) != shape:
        raise UnreadableError("its bins are not those of its baseline")
    try:
        plain = zlib.decompress(body)
    except zlib.error as error:
        raise UnreadableError(str(error)) from error
    if len(plain) < _DOUBLE * features:
        raise UnreadableError("its sums are cut short")
    sums = np.frombuffer(plain, "<f8", count=features).astype(np.float64)
    return Payload(rows, unpack(plain[_DOUBLE * features :], bins), sums)
