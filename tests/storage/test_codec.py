"""Counts as planes and journal payloads."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from app.storage import codec
from app.storage.codec import Payload, UnreadableError

COUNTS = arrays.arrays(np.int64, st.integers(1, 90), elements=st.integers(0, 2**62 - 1))


def test_planes_by_hand() -> None:
    """Nine bins take two bytes a plane, the most significant plane first, the first bin in the lowest bit."""
    packed = codec.pack(np.array([1, 2, 3, 0, 0, 0, 0, 0, 2], np.int64))
    assert packed == bytes([0b110, 0b1, 0b101, 0b0])


def test_large_counts_by_hand() -> None:
    """What exceeds a byte is one byte a bin and comes first; the lowest byte is always eight bit planes then."""
    packed = codec.pack(np.array([0x010203, 0xFF, 0], np.int64))
    assert packed == bytes([1, 0, 0, 2, 0, 0, 2, 2, 2, 2, 2, 2, 3, 3])


@given(COUNTS, st.data())
def test_round_trip(counts: np.typing.NDArray[np.int64], data: st.DataObject) -> None:
    """Whatever is packed is read back, whole or in part."""
    packed = codec.pack(counts)
    assert codec.unpack(packed, len(counts)).tolist() == counts.tolist()
    first = data.draw(st.integers(0, len(counts)))
    stop = data.draw(st.integers(first, len(counts)))
    assert codec.unpack(packed, len(counts), first=first, stop=stop).tolist() == counts[first:stop].tolist()


def test_size_follows_the_largest_count() -> None:
    """A plane is added when a count needs it, and an empty window still has one."""
    sizes = [len(codec.pack(np.array([value]))) for value in (0, 1, 2, 255, 256, 2**16 - 1, 2**16)]
    assert sizes == [1, 1, 2, 8, 9, 9, 10]


@pytest.mark.parametrize("value", [-1, 2**62])
def test_counts_out_of_range_are_refused(value: int) -> None:
    """Negative and absurd counts never reach the database."""
    with pytest.raises(ValueError, match="a count is"):
        codec.pack(np.array([0, value]))


@given(COUNTS, st.integers(0, 2**62))
def test_payload_round_trip(counts: np.typing.NDArray[np.int64], rows: int) -> None:
    """A payload carries rows, counts and sums exactly."""
    sums = np.array([0.1, -np.inf, 1e300])
    payload = codec.decode(codec.encode(Payload(rows, counts, sums)), shape=(len(counts), 3))
    assert payload.rows == rows
    assert payload.counts.tolist() == counts.tolist()
    assert payload.sums.tolist() == sums.tolist()


def test_every_changed_byte_is_noticed() -> None:
    """No flipped bit and no cut is read as counts."""
    data = codec.encode(Payload(6, np.array([1, 2, 3]), np.array([1.5])))
    for place in range(len(data)):
        broken = bytearray(data)
        broken[place] ^= 1
        with pytest.raises(UnreadableError):
            codec.decode(bytes(broken), shape=(3, 1))
        with pytest.raises(UnreadableError):
            codec.decode(data[:place], shape=(3, 1))


@pytest.mark.parametrize("plain", [b"", b"\0" * 7, b"\0" * 8])
def test_a_body_too_short_is_unreadable(plain: bytes) -> None:
    """Bytes with a checksum that fits are judged by their length, too."""
    body, head = zlib.compress(plain), (1, 3, 1, 6)
    data = codec._HEADER.pack(*head, zlib.crc32(body, zlib.crc32(repr(head).encode()))) + body
    with pytest.raises(UnreadableError):
        codec.decode(data, shape=(3, 1))


def test_another_shape_is_unreadable() -> None:
    """Counts of other bins never join a window."""
    data = codec.encode(Payload(6, np.array([1, 2, 3]), np.array([1.5])))
    with pytest.raises(UnreadableError, match="baseline"):
        codec.decode(data, shape=(4, 1))


def test_other_bins_do_not_add() -> None:
    """Two payloads of different bins cannot be added."""
    one, other = (Payload(0, np.zeros(bins, np.int64), np.zeros(1)) for bins in (2, 3))
    with pytest.raises(ValueError, match="different bins"):
        one.plus(other)


def test_sums_beyond_a_double() -> None:
    """Sums that exceed a double together are infinite, and that is no cause for a warning."""
    huge = Payload(1, np.array([1]), np.array([1.7e308, -1.7e308, np.inf]))
    added = huge.plus(Payload(1, np.array([1]), np.array([1.7e308, -1.7e308, -np.inf])))
    assert added.sums[:2].tolist() == [np.inf, -np.inf]
    assert added.rows == 2
