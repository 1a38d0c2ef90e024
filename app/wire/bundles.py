"""Rows of an Arrow batch as bytes: its numbers side by side, the rest as a stream."""

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
_MOST_PLANS: Final = 64
_NARROW: Final = {kind: name for kind, name in NAMES.items() if name not in WIDE}


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
    """Which columns of a batch come out of its block, from which places, which of them are integers, and the rest.

    `written` are the names of the first two, encoded, and so are the `types`.
    """

    own: list[str]
    whole: list[str]
    written: tuple[msgspec.Raw, msgspec.Raw]
    types: msgspec.Raw
    rest: list[str]
    places: NDArray[np.int64] | slice
    integers: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Planned:
    """The last plan for some names, and for what columns it was made."""

    columns: list[str]
    kinds: list[int]
    held: list[str]
    plan: _Plan


def bundled(columns: BatchColumns, names: Sequence[str], rows: NDArray[np.int64], *, bare: Sequence[str]) -> bytes:
    """Write rows of a batch; integers that a double does not hold go where nothing is rounded."""
    block = columns.block
    plan = _plan_of(tuple(names), columns, block)
    if block is None or not plan.own:
        return _encoded(columns, plan, np.zeros(0), rows, bare=bare)
    chosen = block.values.take(rows, axis=1)[plan.places]  # rows of all columns first: several times as fast as both
    if plan.whole:
        integers = chosen[plan.integers]
        if np.abs(integers).max(initial=0) >= _EXACT:
            strange = {
                name for name, values in zip(plan.whole, integers, strict=True) if np.abs(values).max() >= _EXACT
            }
            held = [name for name in block.places if name not in strange]
            plan = _planned(tuple(names), columns, held)
            chosen = block.values[[block.places[name] for name in plan.own]].take(rows, axis=1)
    return _encoded(columns, plan, chosen, rows, bare=bare)


def _encoded(
    columns: BatchColumns, plan: _Plan, chosen: NDArray[np.float64], rows: NDArray[np.int64], *, bare: Sequence[str]
) -> bytes:
    rest = stream(columns.taken(plan.rest, rows)) if plan.rest else b""
    octets = cast("bytes", chosen.reshape(-1).view(np.uint8).data)  # written all the same, without a copy
    return msgspec.msgpack.encode((*plan.written, octets, rest, bare, len(rows), plan.types))  # a Bundle


_PLANS: Final[dict[tuple[str, ...], _Planned]] = {}


def _plan_of(names: tuple[str, ...], columns: BatchColumns, block: Block | None) -> _Plan:
    """Plan which of the wanted names come out of the block of a batch; batches of one model are mostly alike."""
    held = [] if block is None else list(block.places)
    known = _PLANS.get(names)
    if known is None or not (known.columns == columns.names and known.kinds == columns.kinds and known.held == held):
        while len(_PLANS) >= _MOST_PLANS:
            _PLANS.pop(next(iter(_PLANS)), None)
        known = _PLANS[names] = _Planned(columns.names, columns.kinds, held, _planned(names, columns, held))
    return known.plan


def _planned(names: Sequence[str], columns: BatchColumns, held: Sequence[str]) -> _Plan:
    place = {name: n for n, name in enumerate(held)}
    kind = dict(zip(columns.names, columns.kinds, strict=True))
    own = [name for name in names if name in place]
    whole = [name for name in own if kind[name] in INTEGERS]
    rest = [name for name in names if name in kind and name not in place]
    at = {name: n for n, name in enumerate(own)}
    places = np.array([place[name] for name in own], np.int64)
    in_order = bool((places == np.arange(len(held))).all()) if len(own) == len(held) else False
    return _Plan(
        own,
        whole,
        (msgspec.Raw(msgspec.msgpack.encode(own)), msgspec.Raw(msgspec.msgpack.encode(whole))),
        msgspec.Raw(msgspec.msgpack.encode({name: _NARROW[kind[name]] for name in own if kind[name] in _NARROW})),
        rest,
        slice(None) if in_order else places,
        np.array([at[name] for name in whole], np.int64),
    )


def stream(batch: Any, *, text: bool = False) -> bytes:
    """Write a batch or a table as an Arrow stream; `text` says that its columns are CSV cells."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema.with_metadata({TEXT: b"1" if text else b""})) as writer:
        writer.write(batch)
    octets: bytes = sink.getvalue().to_pybytes()
    return octets
