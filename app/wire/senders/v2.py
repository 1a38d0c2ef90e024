"""Bodies of the Open Inference Protocol, version 2: JSON, with raw tensors behind it where they are binary."""

import json
from collections.abc import Sequence
from math import prod
from typing import Any, Final

import orjson

from app.errors import BadRequest
from app.wire.faults import check_names, undecodable
from app.wire.jsontext import BLANKS, load_json
from app.wire.senders.tensors import MAX_DEPTH, TYPES, Tensor

BINARY: Final = "binary_data_size"
_TENSOR: Final = frozenset({"name", "shape", "datatype"})
_DECODER: Final = json.JSONDecoder(strict=False)


def document_of(body: bytes, *, header_length: int | None) -> tuple[Any, memoryview]:
    """Read the JSON of a body and give what follows it; without a true length the end of the JSON is looked for."""
    view = memoryview(body)
    if header_length is not None and 0 < header_length <= len(body):
        try:
            return load_json(body[:header_length]), view[header_length:]
        except BadRequest:
            pass
    end = _end(body) if BINARY.encode() in body else None
    document = load_json(body if end is None else body[:end])
    if end is not None and (body[end:].strip(BLANKS) or _announced(document) == len(body) - end):
        return document, view[end:]
    return document, view[len(body) :]


def _announced(document: Any) -> int:
    """Count the bytes that tensors say to have behind the JSON."""
    tensors = [one for key in ("inputs", "outputs") if isinstance(document.get(key), list) for one in document[key]]
    held = [one["parameters"] for one in tensors if isinstance(one, dict) and isinstance(one.get("parameters"), dict)]
    return sum(size for one in held if type(size := one.get(BINARY)) is int)


def is_plain(head: bytes, tail: int, *, rows: int, cells: int) -> bool:
    """Tell whether a head describes nothing but tensors of numbers that are `tail` bytes behind it, within bounds."""
    try:
        document = orjson.loads(head)
    except ValueError:
        return False
    described = document.get("inputs") if isinstance(document, dict) else None
    if not isinstance(described, list):
        return False
    size = values = 0
    for one in described:
        match one:
            case {"datatype": str(kind), "shape": [int(count), *sides], "parameters": {"binary_data_size": int(part)}}:
                width = prod(sides) if len(sides) < MAX_DEPTH and all(type(side) is int for side in sides) else 0
            case _:
                return False
        if "data" in one or kind not in TYPES or not 0 < count <= rows or not 0 < width <= cells or part < 0:
            return False
        size += part
        values += count * width
    return size == tail and values <= cells


def _end(body: bytes) -> int | None:
    """Find the end of the JSON object at the start of a body."""
    if not body.lstrip().startswith(b"{"):
        return None
    try:
        # In Latin-1 every byte is one character, so that places in the text are places in the body.
        text = body.decode("latin-1")
        return _DECODER.raw_decode(text, len(text) - len(text.lstrip()))[1]
    except (ValueError, RecursionError):
        return None


def is_tensors(value: object) -> bool:
    """Tell a list of tensors, incomplete ones too, from other lists."""
    return isinstance(value, list) and any(isinstance(one, dict) and len(_TENSOR & one.keys()) > 1 for one in value)


def tensors_of(described: Sequence[Any], tail: memoryview) -> list[Tensor]:
    """Read tensors whose raw data, where they have some, stand in the tail in the same order."""
    check_names(len(described))
    tensors: list[Tensor] = []
    place = 0
    for one in described:
        name, shape = _name(one), _shape(one)
        size = (one.get("parameters") or {}).get(BINARY) if isinstance(one.get("parameters"), dict | None) else None
        data = one.get("data")
        if data is None and isinstance(size, int) and not isinstance(size, bool) and 0 <= size <= len(tail) - place:
            data = tail[place : place + size]
            place += size
        elif not isinstance(data, list):
            raise undecodable("a tensor has neither data nor the bytes that it announces")
        tensors.append(Tensor(name, str(one.get("datatype", "")), shape, data))
    if place != len(tail):
        raise undecodable("the body is longer than its tensors")
    return tensors


def _name(one: Any) -> str:
    if not isinstance(one, dict) or not isinstance(one.get("name"), str):
        raise undecodable("a tensor needs a name")
    name: str = one["name"]
    return name


def _shape(one: dict[str, Any]) -> tuple[int, ...]:
    shape = one.get("shape")
    if not isinstance(shape, list) or not all(isinstance(side, int) and not isinstance(side, bool) for side in shape):
        raise undecodable("the shape of a tensor is an array of whole numbers")
    return tuple(shape)
