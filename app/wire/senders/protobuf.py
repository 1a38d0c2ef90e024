"""ModelInferRequest and ModelInferResponse of the Open Inference Protocol's gRPC form, read from their wire format.

The encoding is described in https://protobuf.dev/programming-guides/encoding/; the messages are those of
grpc_predict_v2.proto.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.errors import TooLarge
from app.wire.faults import check_names, undecodable
from app.wire.senders.tensors import Tensor

VARINT, FIXED64, SIZED, FIXED32 = 0, 1, 2, 5
LONGEST: Final = 10
MOST_FIELDS: Final = 1_000_000
AT_ONCE: Final = 1 << 20
_TENSORS: Final = 5
_NAME, _DATATYPE, _SHAPE, _CONTENTS = 1, 2, 3, 5
_BOOL, _INT32, _INT64, _UINT32, _UINT64, _FP32, _FP64, _BYTES = range(1, 9)
_SIGNED: Final = frozenset({_INT32, _INT64})
_FLOATS: Final[dict[int, np.dtype[Any]]] = {_FP32: np.dtype("<f4"), _FP64: np.dtype("<f8")}

Field = tuple[int, int | memoryview]


def tensors_of_message(message: bytes, *, answer: bool) -> list[Tensor]:
    """Read the inputs of a request or the outputs of an answer."""
    raw_field = 6 if answer else 7
    described: list[memoryview] = []
    raw: list[memoryview] = []
    for number, value in fields(memoryview(message)):
        if isinstance(value, memoryview) and number == _TENSORS:
            described.append(value)
        elif isinstance(value, memoryview) and number == raw_field:
            raw.append(value)
    check_names(len(described))
    if raw and len(raw) != len(described):
        raise undecodable("the message holds another number of tensors than of raw contents")
    return [_tensor(one, raw[n] if raw else None) for n, one in enumerate(described)]


def fields(data: memoryview) -> Iterator[Field]:
    """Give the fields of a message: numbers as they are encoded, anything longer as its bytes."""
    place = number = 0
    while place < len(data):
        number += 1
        if number > MOST_FIELDS:
            raise TooLarge("body-too-large", f"a message holds more than {MOST_FIELDS} fields")
        tag, place = _varint(data, place)
        kind = tag & 7
        if kind == VARINT:
            value, place = _varint(data, place)
            yield tag >> 3, value
            continue
        size = {FIXED64: 8, FIXED32: 4}.get(kind)
        if kind == SIZED:
            size, place = _varint(data, place)
        if size is None or place + size > len(data):
            raise undecodable("the message is no protobuf, or cut short")
        yield tag >> 3, data[place : place + size]
        place += size


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    for octet in data[place : place + LONGEST]:
        value |= (octet & 127) << shift
        shift += 7
        place += 1
        if octet < 128:  # noqa: PLR2004 - the highest bit says that more follows
            return value, place
    raise undecodable("the message is no protobuf, or cut short")


def _tensor(message: memoryview, raw: memoryview | None) -> Tensor:
    name = datatype = ""
    shape: list[int] = []
    contents: memoryview | None = None
    for number, value in fields(message):
        if number == _SHAPE:
            sides = varints(value) if isinstance(value, memoryview) else np.array([value], np.uint64)
            shape += sides.view(np.int64).tolist()
        elif isinstance(value, memoryview):
            if number == _NAME:
                name = bytes(value).decode("utf-8", "replace")
            elif number == _DATATYPE:
                datatype = bytes(value).decode("utf-8", "replace")
            elif number == _CONTENTS:
                contents = value
    if raw is not None:
        return Tensor(name, datatype, tuple(shape), raw)
    return Tensor(name, datatype, tuple(shape), _contents(contents if contents is not None else memoryview(b"")))


def _contents(message: memoryview) -> NDArray[Any] | pa.Array:
    """Read the one list of values that is not empty."""
    numbers: list[NDArray[Any]] = []
    words: list[bytes] = []
    for number, value in fields(message):
        if number == _BYTES and isinstance(value, memoryview):
            words.append(bytes(value))
        elif number in _FLOATS and isinstance(value, memoryview):
            numbers.append(_floats(value, _FLOATS[number]))
        elif _BOOL <= number <= _UINT64:
            read = varints(value) if isinstance(value, memoryview) else np.array([value], np.uint64)
            numbers.append(read.view(np.int64) if number in _SIGNED else read.astype(bool) if number == _BOOL else read)
    if words:
        return pa.array(words, pa.large_binary())
    return np.concatenate(numbers) if numbers else np.zeros(0)


def _floats(data: memoryview, kind: "np.dtype[Any]") -> NDArray[Any]:
    if len(data) % kind.itemsize:
        raise undecodable("a list of numbers is cut short")
    return np.frombuffer(data, kind)


def varints(data: memoryview) -> NDArray[np.uint64]:
    """Read numbers of seven bits a byte, many at once."""
    octets = np.frombuffer(data, np.uint8)
    read = [np.zeros(0, np.uint64)]
    place = 0
    while place < len(octets):
        block = octets[place : place + AT_ONCE]
        ends = np.flatnonzero(block < 128)  # noqa: PLR2004 - the highest bit says that more follows
        if not len(ends) or (place + len(block) == len(octets) and ends[-1] != len(block) - 1):
            raise undecodable("a list of numbers is cut short")
        block = block[: ends[-1] + 1]
        read.append(_block(block, ends))
        place += len(block)
    return np.concatenate(read)


def _block(octets: NDArray[np.uint8], ends: NDArray[np.int64]) -> NDArray[np.uint64]:
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > LONGEST:
        raise undecodable("a number is too long")
    shifts = (7 * (np.arange(len(octets)) - np.repeat(starts, lengths))).astype(np.uint64)
    return np.add.reduceat((octets & 127).astype(np.uint64) << shifts, starts)
