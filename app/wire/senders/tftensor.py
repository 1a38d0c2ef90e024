"""TensorProto of TensorFlow, as JSON writes it (tensorflow/core/framework/tensor.proto)."""

from typing import Any, Final

from app.wire.faults import undecodable
from app.wire.octets import unbase64
from app.wire.senders.tensors import Tensor

TYPES: Final = {
    "DT_BOOL": "BOOL",
    "DT_UINT8": "UINT8",
    "DT_UINT16": "UINT16",
    "DT_UINT32": "UINT32",
    "DT_UINT64": "UINT64",
    "DT_INT8": "INT8",
    "DT_INT16": "INT16",
    "DT_INT32": "INT32",
    "DT_INT64": "INT64",
    "DT_HALF": "FP16",
    "DT_FLOAT": "FP32",
    "DT_DOUBLE": "FP64",
}
VALUES: Final = ("doubleVal", "floatVal", "intVal", "int64Val", "uint32Val", "uint64Val", "boolVal")
TEXTS: Final = "stringVal"


def tensor_of(value: dict[str, Any]) -> Tensor:
    """Read a tensor: values by their type or the bytes of all; integers of 64 bits may be text, texts are base64."""
    shape = _shape(value.get("tensorShape"))
    content = value.get("tensorContent")
    if isinstance(content, str) and content:
        return Tensor("", TYPES.get(str(value.get("dtype")), ""), shape, memoryview(unbase64(content)))
    if isinstance(value.get(TEXTS), list):
        return Tensor("", "BYTES", shape, [unbase64(text).decode("utf-8", "replace") for text in value[TEXTS]])
    held = next((value[name] for name in VALUES if isinstance(value.get(name), list)), None)
    if held is None:
        raise undecodable("a tftensor holds values or their bytes")
    return Tensor("", "", shape, held)


def _shape(shape: Any) -> tuple[int, ...]:
    try:
        return tuple(int(dim["size"]) for dim in shape.get("dim", [])) if isinstance(shape, dict) else ()
    except (KeyError, OverflowError, TypeError, ValueError):
        raise undecodable("the shape of a tftensor is a list of sizes") from None
