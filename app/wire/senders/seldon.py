"""Seldon's own protocol, version 1: arrays or tensors with names beside them, and feedback with the truth."""

import re
from dataclasses import replace
from typing import Any, Final

from app.errors import BadRequest
from app.wire.faults import undecodable
from app.wire.jsontext import load_json
from app.wire.senders.rows import answer_of_predictions, table_of_instances, table_of_parts, table_of_split
from app.wire.senders.sides import Answer, Part, Side, named, rows_of
from app.wire.senders.tensors import Tensor
from app.wire.senders.tftensor import tensor_of
from app.wire.table import Table

_MADE_UP: Final = re.compile(r"t:\d+")


def is_message(value: object) -> bool:
    """Tell a SeldonMessage from other bodies."""
    return isinstance(value, dict) and (
        isinstance(value.get("data"), dict) or any(key in value for key in ("jsonData", "strData", "binData"))
    )


def holds_array(message: dict[str, Any]) -> bool:
    """Tell a message with an array or tensor from one that carries another document."""
    return "jsonData" not in message and not isinstance(message.get("strData"), str)


def inner(message: dict[str, Any]) -> Any:
    """Give the document that a message carries in place of an array."""
    return message["jsonData"] if "jsonData" in message else load_json(message["strData"].encode("utf-8", "replace"))


def table_of_message(message: dict[str, Any], side: Side) -> Table:
    """Make a table of the array or tensor of a message."""
    data = _data(message)
    names = _names(data)
    parts = _parts(data, names)
    if parts is not None:
        return table_of_parts(parts, side)
    array = data.get("ndarray")
    if names is not None and isinstance(array, list):
        return table_of_split({"columns": names, "data": _two_deep(array, len(names))}, what="data")
    return table_of_instances(_two_deep(array, len(side.ordered)) if isinstance(array, list) else array, side)


def answer_of_message(message: dict[str, Any], side: Side) -> Answer:
    """Read predictions or truths."""
    data = _data(message)
    names = _names(data)
    parts = _parts(data, names)
    if parts is not None:
        return Answer(rows_of(parts), named(parts, side))
    array = data.get("ndarray")
    if names is None or not isinstance(array, list):
        return answer_of_predictions(array, side)
    rows = [row if isinstance(row, list) else [row] for row in _two_deep(array, len(names))]
    return answer_of_predictions([dict(zip(names, row, strict=False)) for row in rows], side)


def truth_of(feedback: object, side: Side) -> Answer:
    """Read the truth of a feedback, and its reward where the model has a feature of that name."""
    if not isinstance(feedback, dict):
        raise undecodable("feedback is an object")
    truth = feedback.get("truth")
    answer = Answer(0, {})
    if isinstance(truth, dict) and is_message(truth):
        answer = answer_of_message(truth, side) if holds_array(truth) else answer_of_predictions(inner(truth), side)
    reward = feedback.get("reward")
    if "reward" in side.known and "reward" not in answer.columns and reward is not None:
        rows = max(answer.rows, 1)
        return Answer(rows, {**answer.columns, "reward": [reward] * rows})
    return answer


def puid_of(body: bytes) -> str:
    """Give the id of the prediction that a feedback is about, from its body."""
    try:
        feedback = load_json(body)
    except BadRequest:
        return ""
    for side in ("response", "request"):
        match feedback:
            case dict() if isinstance(feedback.get(side), dict):
                meta = feedback[side].get("meta")
                if isinstance(meta, dict) and isinstance(meta.get("puid"), str):
                    return str(meta["puid"])
    return ""


def _data(message: dict[str, Any]) -> dict[str, Any]:
    data = message.get("data")
    if not isinstance(data, dict):
        raise undecodable("a SeldonMessage is read when it holds data, jsonData or strData")
    return data


def _names(data: dict[str, Any]) -> list[str] | None:
    """Give the names of columns; those that Seldon makes up are none."""
    names = data.get("names")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        return None
    return None if all(_MADE_UP.fullmatch(name) for name in names) else names


def _two_deep(array: list[Any], width: int) -> list[Any]:
    """Take an array of as many single values as there are columns for one row."""
    single = len(array) == width > 1 and not any(isinstance(value, list | dict) for value in array)
    return [array] if single else array


def _parts(data: dict[str, Any], names: list[str] | None) -> list[Part] | None:
    """Read the columns of a tensor; None when the data hold none."""
    match data:
        case {"tftensor": dict(tensor)}:
            part = tensor_of(tensor).part()
        case {"tensor": {"shape": list(shape), "values": list(values)}} if all(type(side) is int for side in shape):
            part = Tensor("", "", tuple(shape), values).part()
        case {"tensor": _}:
            raise undecodable("a tensor is an object of shape and values")
        case _:
            return None
    if names is None:
        return [replace(part, label=None)]
    if len(names) != part.width:
        raise undecodable("a tensor needs as many names as it has columns")
    return [Part(name, list(column), part.rows, deep=True) for name, column in zip(names, part.columns(), strict=True)]
