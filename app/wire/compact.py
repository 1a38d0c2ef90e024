"""Thrift structs in the compact protocol (thrift-compact-protocol.md of Apache Thrift), as in Parquet's metadata."""

from typing import Any, Final

from app.wire.faults import undecodable

DEEPEST: Final = 10
LONGEST_VARINT: Final = 10
MOST_VALUES: Final = 10_000

# Kinds of values in the compact protocol: booleans lie in the kind itself, a byte and a double have a fixed size.
_INTEGERS: Final = frozenset({4, 5, 6})
_SIZES: Final = {1: 0, 2: 0, 3: 1, 7: 8}
_BINARY: Final = 8
_LISTS: Final = frozenset({9, 10})
_STRUCT: Final = 12
_LONG_LIST: Final = 15


class Compact:
    """A reader of one struct after the other: integers, structs and lists of structs are kept, the rest is skipped."""

    def __init__(self, data: Any, at: int, end: int, *, most: int = MOST_VALUES) -> None:
        """Read bytes at..end of `data`, and no more than so many values."""
        self._data = data
        self.at = at
        self._end = end
        self._left = most

    def struct(self, depth: int) -> dict[int, Any]:
        """Read a struct as what is kept of it by field number."""
        if depth > DEEPEST:
            raise undecodable("the metadata of the Parquet file are nested too deeply")
        found: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer()
            found[number] = self._value(head & 15, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        value: Any = None
        self._left -= 1
        if self._left < 0:
            raise undecodable("the Parquet file has more metadata than it can need")
        if kind in _INTEGERS:
            value = self._integer()
        elif kind == _STRUCT:
            value = self.struct(depth + 1)
        elif kind in _SIZES:
            self._skip(_SIZES[kind])
        elif kind == _BINARY:
            self._skip(self._varint())
        elif kind in _LISTS:
            value = self._list(depth)
        else:
            raise undecodable("the metadata of the Parquet file cannot be read")
        return value

    def _list(self, depth: int) -> list[Any]:
        if depth > DEEPEST:
            raise undecodable("the metadata of the Parquet file are nested too deeply")
        head = self._byte()
        size = self._varint() if head >> 4 == _LONG_LIST else head >> 4
        held: list[Any] = []
        for _ in range(size):
            # Booleans in a list take a byte each; everything else at least one, so the end stops a lie.
            if head & 15 <= 2:  # noqa: PLR2004 - the two kinds of boolean
                self._skip(1)
                continue
            value = self._value(head & 15, depth + 1)
            if head & 15 == _STRUCT:
                held.append(value)
        return held

    def _skip(self, size: int) -> None:
        self.at += size
        if self.at > self._end:
            raise undecodable("the metadata of the Parquet file are cut short")

    def _byte(self) -> int:
        if self.at >= self._end:
            raise undecodable("the metadata of the Parquet file are cut short")
        self.at += 1
        return int(self._data[self.at - 1])

    def _varint(self) -> int:
        value = 0
        for place in range(LONGEST_VARINT):
            octet = self._byte()
            value |= (octet & 127) << (7 * place)
            if octet < 128:  # noqa: PLR2004 - the last byte
                return value
        raise undecodable("the metadata of the Parquet file cannot be read")

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
