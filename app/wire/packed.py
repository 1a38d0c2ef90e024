"""How much a compressed Arrow message holds, read from its metadata before anything is decompressed.

Messages are FlatBuffers (Message.fbs of the Arrow columnar format); each compressed buffer begins with its
length when decompressed, -1 where it is not compressed after all.
"""

import struct
from typing import Any, Final

DICTIONARY_BATCH: Final = 2
RECORD_BATCH: Final = 3
BUFFER_BYTES: Final = 16
LENGTH_BYTES: Final = 8


def decompressed_size(message: Any) -> int:
    """Count the bytes that the buffers of one message take when decompressed."""
    metadata, body = bytes(message.metadata), memoryview(message.body or b"")
    header = table_at(metadata, 0)
    kind = field_of(metadata, header, 1)
    batch = field_of(metadata, header, 2)
    if not kind or not batch or metadata[kind] not in {DICTIONARY_BATCH, RECORD_BATCH}:
        return 0
    place = table_at(metadata, batch)
    if metadata[kind] == DICTIONARY_BATCH:
        place = table_at(metadata, field_of(metadata, place, 1))
    if not field_of(metadata, place, 3):
        return len(body)
    return sum(_buffer(body, *span) for span in _spans(metadata, field_of(metadata, place, 2)))


def dictionary_of(message: Any) -> tuple[int, bool] | None:
    """Give the number of the dictionary that a message holds and whether it adds to an earlier one, else None."""
    metadata = bytes(message.metadata)
    header = table_at(metadata, 0)
    kind, batch = field_of(metadata, header, 1), field_of(metadata, header, 2)
    if not kind or not batch or metadata[kind] != DICTIONARY_BATCH:
        return None
    place = table_at(metadata, batch)
    number, adds = field_of(metadata, place, 0), field_of(metadata, place, 2)
    told = int(struct.unpack_from("<q", metadata, number)[0]) if number else 0
    return told, bool(adds and metadata[adds])


def _spans(metadata: bytes, vector: int) -> list[tuple[int, int]]:
    if not vector:
        return []
    start = table_at(metadata, vector)
    (count,) = struct.unpack_from("<I", metadata, start)
    octets = metadata[start + 4 : start + 4 + count * BUFFER_BYTES]
    return [(offset, length) for offset, length in struct.iter_unpack("<qq", octets)]


def _buffer(body: memoryview, offset: int, length: int) -> int:
    if length < LENGTH_BYTES:
        return max(length, 0)
    (size,) = struct.unpack_from("<q", body, offset)
    return length if size < 0 else int(size)


def table_at(data: bytes, place: int) -> int:
    """Follow an offset."""
    return place + int(struct.unpack_from("<I", data, place)[0])


def field_of(data: bytes, table: int, number: int) -> int:
    """Find a field of a table; 0 when it is absent."""
    virtual = table - int(struct.unpack_from("<i", data, table)[0])
    entry = 4 + 2 * number
    (size,) = struct.unpack_from("<H", data, virtual)
    offset = int(struct.unpack_from("<H", data, virtual + entry)[0]) if entry < size else 0
    return table + offset if offset else 0
