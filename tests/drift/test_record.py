"""A calibration as bytes."""

import json
import struct
import zlib

import pytest

from app.drift.calibration import Calibration
from app.drift.record import packed, unpacked
from app.drift.refit import refit
from drift.streams import hourly, stream, trailing


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    """A calibration of two quiet weeks."""
    place, windows = stream(2)
    return refit(place, trailing(windows), grid=hourly())


def test_round_trip(calibration: Calibration) -> None:
    """A calibration comes back with every type, shape and bit: it packs to the same bytes."""
    data = packed(calibration)
    found = unpacked(data)
    assert packed(found) == data
    for name in Calibration.__slots__:
        assert type(getattr(found, name)) is type(getattr(calibration, name))
    assert found.sums.dtype == calibration.sums.dtype
    assert found.score.__class__ is calibration.score.__class__
    assert [found.missing(f) for f in range(2)] == [calibration.missing(f) for f in range(2)]


def test_damage_is_noticed(calibration: Calibration) -> None:
    """A flipped bit anywhere, a cut, another mark or nothing at all are no calibration."""
    data = packed(calibration)
    some = [0, 3, 8, 11, 12, len(data) // 2, len(data) - 1]
    broken = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in some]
    for bad in (*broken, data[:-1], data[:5], b"", data + b"\0"):
        with pytest.raises(ValueError, match="no calibration"):
            unpacked(bad)


def test_a_calibration_from_before_clocks_were_asked(calibration: Calibration) -> None:
    """It is read as one without a daily rhythm."""
    data = packed(calibration)
    magic, length, _ = struct.unpack("<4sII", data[:12])
    plain = zlib.decompress(data[12:])
    shape = json.loads(plain[:length])
    del shape["fields"]["hours"]
    said = json.dumps(shape).encode()
    body = zlib.compress(said + plain[length:])
    found = unpacked(struct.pack("<4sII", magic, len(said), zlib.crc32(body)) + body)
    assert len(calibration.hours.which)
    assert not len(found.hours.which)
    assert found.missing(0) == calibration.missing(0)
