"""What the decoders read, as plain values, and bytes as the peers write them."""

import importlib
import json
import sys
import types
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import tritonclient
import tritonclient.http as triton

from app.drift.columns import INVALID, NULL
from app.wire.senders.sides import Side
from app.wire.table import RawColumn, Table
from app.wire.values import categorical, numeric

NAMES: Final = ("age", "income", "city")
ASKED: Final = Side(NAMES, frozenset({*NAMES, "score", "label", "default"}))
ANSWERED: Final = Side(("score",), ASKED.known, answer=True)
TWO: Final = Side(("score", "label"), ASKED.known, answer=True)
TRUE: Final = Side(("default",), ASKED.known, answer=True)


def numbers(raw: RawColumn) -> list[object]:
    """A column as a numeric feature counts it: NaN and infinities as their names, null as None, else invalid."""
    column = numeric(raw)
    states = np.zeros(len(column), np.uint8) if column.state is None else column.state
    words: dict[int, object] = {NULL: None, INVALID: "invalid"}
    return [
        words.get(int(state), float(value) if np.isfinite(value) else str(value))
        for value, state in zip(column.values, states, strict=True)
    ]


def words(raw: RawColumn) -> list[object]:
    """A column as a categorical feature counts it."""
    column = categorical(raw)
    return [column.categories[code] if code >= 0 else {-1: None, -2: "invalid"}[code] for code in column.codes.tolist()]


def rows_of(table: Table) -> dict[str, list[object]]:
    """The three features of a table, null where they are missing."""
    read = {"age": numbers, "income": numbers, "city": words}
    return {
        name: how(table.columns[name]) if name in table.columns else [None] * table.rows for name, how in read.items()
    }


def as_json(value: object) -> bytes:
    """JSON as Python's library writes it, NaN included."""
    return json.dumps(value, ensure_ascii=False).encode()


def tensor(name: str, values: np.ndarray[Any, Any], datatype: str, *, binary: bool = True) -> triton.InferInput:
    """An input of Triton's client."""
    made = triton.InferInput(name, list(values.shape), datatype)
    made.set_data_from_numpy(values, binary_data=binary)
    return made


def triton_body(*tensors: triton.InferInput) -> tuple[bytes, int | None]:
    """A request's body and the length of its JSON, as Triton's client writes them."""
    body, length = triton.InferenceServerClient.generate_request_body(list(tensors))
    return bytes(body), length


def grpc_messages() -> types.ModuleType:
    """The message classes of Triton's client, without the gRPC library that its package asks for."""
    name = "tritonclient.grpc"
    if name not in sys.modules:
        package = types.ModuleType(name)
        package.__path__ = [f"{tritonclient.__path__[0]}/grpc"]
        sys.modules[name] = package
    return importlib.import_module(f"{name}.service_pb2")


def split(frame: Mapping[str, list[object]]) -> dict[str, object]:
    """Columns in the orientation that pandas calls split."""
    return {"columns": list(frame), "data": [list(row) for row in zip(*frame.values(), strict=True)]}
