"""Rows of an Arrow batch as bytes: its numbers side by side, the rest as a stream."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.drift.columns import Block
from app.wire.batches import INTEGERS, NAMES, WIDE, BatchColumns

BUNDLE: Final = (b"\x97", b"\x96")
"""How a bundle begins; those of earlier releases have no types."""
TEXT: Final = b"text"
_EXACT: Final = 2.0**53
_NARROW: Final = {kind: name for kind, name in NAMES.items() if name not in WIDE}
_MOST_PLANS: Final = 64
_MOST_HEADS: Final = 8
_MANY: Final = 4
_OCTETS: Final = struct.Struct(">BI")
_OCTETS_MARK: Final = 0xC6
_COUNT_MARK: Final = 0xCE
_NO_NAMES: Final = b"\x90"
_END: Final = b"\xff\xff\xff\xff" + bytes(4)
_Pieces = tuple[Any, ...]


class Bundle(msgspec.Struct, frozen=True, array_like=True):
    """Rows of an Arrow batch: columns of numbers side by side, of which `whole` are integers; the rest as a stream.

    Of `bare` columns nothing but the name is kept. `types` are those of numbers that are not the widest of their kind.
    """

    names: list[str]
    whole: list[str]
    doubles: bytes
    rest: bytes
    bare: Sequence[str]
    rows: int
    types: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """Where the columns of a batch are taken from: the first from these places of its block, whole ones at `integers`.

    `longs` are integers that the block lacks, the `rest` goes as a stream. `head` are the names of the first two,
    encoded, and so are the `types`.
    """

    own: list[str]
    whole: list[str]
    longs: list[str]
    rest: list[str]
    head: bytes
    types: bytes
    places: NDArray[np.int64] | slice
    integers: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Planned:
    """The last plan for some names, for what columns it was made, and which of their integers were strange so far.

    `places` are those of the block, which batches share whose schemas are read once.
    """

    places: Mapping[str, int] | None
    columns: list[str]
    kinds: list[int]
    held: list[str]
    strange: frozenset[str]
    plan: _Plan


def bundled(columns: BatchColumns, names: Sequence[str], rows: NDArray[np.int64], *, bare: Sequence[str]) -> bytes:
    """Write rows of a batch; integers that a double does not hold go where nothing is rounded."""
    block = columns.block
    plan = _plan_of(tuple(names), columns, block)
    chosen, longs, strange = _numbers(columns, block, plan, rows)
    if strange:
        plan = _plan_of(tuple(names), columns, block, strange=strange)
        chosen, longs, _ = _numbers(columns, block, plan, rows)
    rest = _rest(columns, plan.rest, rows)
    return b"".join(  # as MessagePack writes a Bundle, without a copy of the numbers in between
        (
            plan.head,
            _OCTETS.pack(_OCTETS_MARK, chosen.nbytes + sum(map(len, longs))),
            cast("bytes", chosen),
            *longs,
            _OCTETS.pack(_OCTETS_MARK, sum(map(len, rest))),
            *rest,
            msgspec.msgpack.encode(bare) if bare else _NO_NAMES,
            _OCTETS.pack(_COUNT_MARK, len(rows)),
            plan.types,
        )
    )


def _numbers(
    columns: BatchColumns, block: Block | None, plan: _Plan, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], list[bytes], frozenset[str]]:
    """Give the numbers of the block, those beside it, and the names of integers that doubles cannot tell."""
    chosen = np.zeros((0, len(rows))) if block is None or not plan.own else _taken(block.values, rows)[plan.places]
    strange: set[str] = set()
    if plan.whole and np.abs(integers := chosen[plan.integers]).max(initial=0) >= _EXACT:
        strange = {name for name, own in zip(plan.whole, integers, strict=True) if np.abs(own).max() >= _EXACT}
    longs = []
    for name in plan.longs:
        octets = _long(columns[name], rows)
        longs.append(octets or b"")
        if octets is None:
            strange.add(name)
    return np.ascontiguousarray(chosen), longs, frozenset(strange)


def _taken(values: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Take some rows of all columns; numpy's own way copies a block first whose columns lie apart."""
    if len(rows) == values.shape[1] and bool((rows[1:] > rows[:-1]).all()):
        return values
    if values.flags.c_contiguous or len(rows) * _MANY > values.shape[1]:
        return values.take(rows, axis=1)
    return values[:, rows]


def _long(column: Any, rows: NDArray[np.int64]) -> bytes | None:
    """Write integers as doubles; None where one is missing or would be rounded."""
    if column.null_count:
        return None
    values = column.to_numpy().take(rows).astype(np.float64)
    return values.tobytes() if np.abs(values).max(initial=0) < _EXACT else None


_PLANS: Final[dict[tuple[str, ...], _Planned]] = {}
_HEADS: Final[list[tuple[Any, Any]]] = []


def _plan_of(
    names: tuple[str, ...], columns: BatchColumns, block: Block | None, *, strange: frozenset[str] = frozenset()
) -> _Plan:
    """Plan which of the wanted names come out of the block of a batch; batches of one model are mostly alike.

    `strange` columns, once found, go with the rest.
    """
    known = _PLANS.get(names)
    if known is not None and block is not None and known.places is block.places and not strange:
        return known.plan
    held = [] if block is None else list(block.places)
    alike = known is not None and (known.columns, known.kinds, known.held) == (columns.names, columns.kinds, held)
    if known is None or not alike or strange:
        strange |= known.strange if known is not None and alike else frozenset()
        while len(_PLANS) >= _MOST_PLANS:
            _PLANS.pop(next(iter(_PLANS)), None)
        places = None if block is None else block.places
        known = _Planned(
            places, columns.names, columns.kinds, held, strange, _planned(names, columns, held, strange=strange)
        )
        _PLANS[names] = known
    return known.plan


def _planned(names: Sequence[str], columns: BatchColumns, held: Sequence[str], *, strange: frozenset[str]) -> _Plan:
    place = {name: n for n, name in enumerate(held)}
    kind = dict(zip(columns.names, columns.kinds, strict=True))
    own = [name for name in names if name in place and name not in strange]
    whole = [name for name in own if kind[name] in INTEGERS]
    longs = [name for name in names if name not in place and name not in strange and kind.get(name) in INTEGERS]
    beside = {*own, *longs}
    rest = [name for name in names if name in kind and name not in beside]
    at = {name: n for n, name in enumerate(own)}
    places = np.array([place[name] for name in own], np.int64)
    in_order = bool((places == np.arange(len(held))).all()) if len(own) == len(held) else False
    return _Plan(
        own,
        whole,
        longs,
        rest,
        BUNDLE[0] + msgspec.msgpack.encode(own + longs) + msgspec.msgpack.encode(whole + longs),
        msgspec.msgpack.encode({name: _NARROW[kind[name]] for name in own + longs if kind[name] in _NARROW}),
        slice(None) if in_order else places,
        np.array([at[name] for name in whole], np.int64),
    )


def _rest(columns: BatchColumns, names: list[str], rows: NDArray[np.int64]) -> _Pieces:
    """Write columns as a stream in pieces, of which the first is mostly known."""
    if not names:
        return ()
    some = columns.taken(names, rows)
    head = _head(some.schema)
    return (stream(some),) if head is None else (head, some.serialize(), _END)


def _head(schema: Any) -> Any:
    """Write the schema of a stream, or give it as it was written last; None where more than it may precede the rows."""
    for known, head in tuple(_HEADS):
        if known.equals(schema, check_metadata=True):
            return head
    head = schema.with_metadata({TEXT: b""}).serialize() if all(map(_is_simple, schema.types)) else None
    _HEADS.append((schema, head))
    del _HEADS[:-_MOST_HEADS]
    return head


def _is_simple(kind: Any) -> bool:
    tests = (pa.types.is_primitive, pa.types.is_string, pa.types.is_large_string, pa.types.is_decimal)
    return any(test(kind) for test in tests)


def stream(batch: Any, *, text: bool = False) -> bytes:
    """Write a batch or a table as an Arrow stream; `text` says that its columns are CSV cells."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema.with_metadata({TEXT: b"1" if text else b""})) as writer:
        writer.write(batch)
    octets: bytes = sink.getvalue().to_pybytes()
    return octets
