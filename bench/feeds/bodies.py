"""One table of normal values in every format, and what the fastest reader of each format makes of it."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet
from numpy.typing import NDArray

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"
ARROW: Final = "application/vnd.apache.arrow.stream"
OCTETS: Final = "application/octet-stream"
PARQUET: Final = "application/vnd.apache.parquet"

Doubles = NDArray[np.float64]
Readers = Mapping[str, Callable[[], object]]


@dataclass(frozen=True, slots=True)
class Feed:
    """A body, its content type and other people's readers of it."""

    name: str
    kind: str
    body: bytes
    readers: Readers


def names_of(features: int) -> list[str]:
    """Names of columns."""
    return [f"feature_{f:04d}" for f in range(features)]


def feeds(block: Doubles) -> list[Feed]:
    """Write shape (rows, features) in every format."""
    names = names_of(block.shape[1])
    table = pa.table({name: block[:, f] for f, name in enumerate(names)})
    objects = [dict(zip(names, row, strict=True)) for row in block.tolist()]
    row = msgspec.defstruct("Row", [(name, float) for name in names])
    columns = orjson.dumps({"columns": {name: block[:, f].tolist() for f, name in enumerate(names)}})
    rows, array = orjson.dumps({"rows": objects}), orjson.dumps(objects)
    lines = b"".join(orjson.dumps(one) + b"\n" for one in objects)
    return [
        Feed("Arrow", ARROW, arrow(table), {}),
        Feed("JSON columns", JSON, columns, _json(columns, dict[str, dict[str, list[float]]])),
        Feed("JSON rows", JSON, rows, _json(rows, msgspec.defstruct("Rows", [("rows", list[row])]))),  # type: ignore[valid-type]
        Feed("JSON array", JSON, array, _json(array, list[row])),  # type: ignore[valid-type]
        Feed("NDJSON", NDJSON, lines, _ndjson(lines, names)),
        Feed("CSV", CSV, csv(table), _csv(csv(table))),
        Feed("Parquet", PARQUET, parquet(table), _parquet(parquet(table))),
    ]


def arrow(table: pa.Table) -> bytes:
    """Write an Arrow stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def csv(table: pa.Table) -> bytes:
    """Write CSV with a header."""
    sink = io.BytesIO()
    pa.csv.write_csv(table, sink)
    return sink.getvalue()


def parquet(table: pa.Table) -> bytes:
    """Write a Parquet file."""
    sink = io.BytesIO()
    pa.parquet.write_table(table, sink)
    return sink.getvalue()


def tensor_of(block: Doubles) -> tuple[bytes, int]:
    """Write an inference request of the Open Inference Protocol with its binary extension, and its header's length."""
    tensor = {"name": "x", "datatype": "FP64", "shape": list(block.shape)}
    octets = np.ascontiguousarray(block).tobytes()
    head = orjson.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": len(octets)}}]})
    return head + octets, len(head)


def _json(body: bytes, kind: Any) -> Readers:
    decoder = msgspec.json.Decoder(kind)
    return {
        "orjson": lambda: orjson.loads(body),
        "msgspec, typed": lambda: decoder.decode(body),
        "json": lambda: json.loads(body),
    }


def _ndjson(body: bytes, names: list[str]) -> Readers:
    options = pa.json.ReadOptions(use_threads=False, block_size=len(body) + 1)
    readers: dict[str, Callable[[], object]] = {
        "pyarrow": lambda: pa.json.read_json(io.BytesIO(body), read_options=options)
    }
    polars = _polars()
    if polars is not None:
        schema = dict.fromkeys(names, polars.Float64)
        readers["polars"] = lambda: polars.read_ndjson(body, schema=schema)
    return readers


def _csv(body: bytes) -> Readers:
    options = pa.csv.ReadOptions(use_threads=False, block_size=len(body) + 1)
    readers: dict[str, Callable[[], object]] = {
        "pyarrow": lambda: pa.csv.read_csv(io.BytesIO(body), read_options=options)
    }
    polars = _polars()
    if polars is not None:
        readers["polars"] = lambda: polars.read_csv(body)
    return readers


def _parquet(body: bytes) -> Readers:
    return {"pyarrow": lambda: pa.parquet.read_table(io.BytesIO(body), use_threads=False)}


def _polars() -> Any:
    try:
        import polars as pl  # noqa: PLC0415 - measured where it is installed
    except ImportError:
        return None
    return pl
