"""The bodies of logged calls: what was asked and what was answered, in whatever the model server speaks."""

import base64
import binascii
import csv
import io
from typing import Any, Final

import orjson

from app.errors import BadRequest
from app.wire.faults import undecodable
from app.wire.jsonrows import table_of_rows
from app.wire.jsontext import load_json
from app.wire.ndjson import lines_of, parsed
from app.wire.senders.calls import read_request, read_response
from app.wire.senders.rows import answer_of_predictions, table_of_instances
from app.wire.senders.sides import Answer, Side
from app.wire.table import Table

JSON: Final = "application/json"
_OPEN: Final = (b"{", b"[")
_TRUTH: Final = {"true": True, "false": False}
_VECTOR: Final = "features"
"""The key under which SageMaker's own algorithms take one row."""


def decoded(text: str) -> bytes:
    """Read base64."""
    try:
        return base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError):
        raise undecodable("the body is no base64") from None


def request_of(body: bytes, content_type: str, side: Side) -> Table:
    """Read the rows that were asked about; values without names are the features in order."""
    if _is_csv(body, content_type):
        return table_of_instances(_cells(body, side), side)
    if "lines" in content_type:
        return table_of_instances(_unwrapped(_listed(parsed(lines_of(body), orjson.loads), "instances")), side)
    try:
        document = load_json(body) if body.lstrip().startswith(_OPEN) else None
    except BadRequest:
        document = None
    if document is None:
        return read_request(body, content_type, header_length=None, side=side)
    return _table(document, side) or read_request(body, JSON, header_length=None, side=side)


def _table(document: Any, side: Side) -> Table | None:
    """Make a table of the shapes that live senders do not write."""
    if isinstance(document, dict) and isinstance(document.get("instances"), list):
        return table_of_instances(_unwrapped(document["instances"]), side)
    if not _is_lone(document, side):
        return None
    return table_of_rows([document]) if isinstance(document, dict) else table_of_instances([document], side)


def answer_of(body: bytes, content_type: str, side: Side) -> Answer:
    """Read what was answered."""
    if _is_csv(body, content_type):
        rows = _cells(body, side)
        on_one_line = len(rows) == len(side.ordered) == 1
        return answer_of_predictions(
            rows[0] if on_one_line else [row[0] if len(row) == 1 else row for row in rows], side
        )
    if "lines" in content_type:
        return answer_of_predictions(_listed(parsed(lines_of(body), orjson.loads), "predictions"), side)
    try:
        document = load_json(body)
    except BadRequest:
        return read_response(body, content_type, header_length=None, side=side)
    if not isinstance(document, dict | list):
        return answer_of_predictions([document], side)
    if isinstance(document, dict) and not document.keys() & {"predictions", "outputs", "data", "jsonData", "strData"}:
        return answer_of_predictions([document], side)
    return read_response(body, JSON, header_length=None, side=side)


def _is_csv(body: bytes, content_type: str) -> bool:
    """Tell CSV by its type; without one, text that does not begin like JSON is CSV."""
    if body.lstrip().startswith(_OPEN):
        return False
    if "csv" in content_type:
        return True
    return not content_type.startswith(("application/", "image/")) and b"\0" not in body


def _cells(body: bytes, side: Side) -> list[list[str | bool | None]]:
    """Read lines of cells as a CSV body's are read; a header that names features is no row."""
    lines = csv.reader(io.StringIO(body.decode("utf-8-sig", "replace"), newline=""))
    try:
        rows = [[_cell(text.strip()) for text in line] for line in lines if line]
    except csv.Error:
        raise undecodable("the body is no CSV") from None
    headed = bool(rows) and all(cell in side.known for cell in rows[0])
    return rows[1:] if headed else rows


def _cell(text: str) -> str | bool | None:
    return _TRUTH.get(text.lower(), text or None)


def _is_lone(document: Any, side: Side) -> bool:
    """Tell one row by itself: an object of features, or as many plain values as there are features."""
    if isinstance(document, dict):
        return bool(side.known & document.keys())
    plain = isinstance(document, list) and not any(isinstance(value, dict | list) for value in document)
    return plain and len(document) == len(side.ordered) > 1


def _listed(lines: list[Any], key: str) -> list[Any]:
    """Take rows out of lines that hold whole requests or whole answers under a key."""
    return [
        row
        for line in lines
        for row in (line[key] if isinstance(line, dict) and isinstance(line.get(key), list) else [line])
    ]


def _unwrapped(rows: list[Any]) -> list[Any]:
    """Take rows out of the keys that SageMaker's own algorithms put around each."""
    vectors = [_vector(row) for row in rows]
    return rows if any(vector is None for vector in vectors) else vectors


def _vector(row: Any) -> list[Any] | None:
    """Give a dense row of docs.aws.amazon.com/sagemaker, "Common data formats for inference", without its names."""
    inner = row.get("data", row) if isinstance(row, dict) else None
    found = inner.get(_VECTOR) if isinstance(inner, dict) else None
    if isinstance(found, dict) and "keys" not in found:
        found = found.get("values")
    return found if isinstance(found, list) else None
