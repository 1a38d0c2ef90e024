"""The two sides of a model's call, and the truth about it, whatever protocol they are in."""

from functools import cache, partial
from typing import Any

from app.errors import Problem
from app.wire.decode import Format, decode, format_of
from app.wire.faults import MAX_ROWS, undecodable
from app.wire.jsonrows import table_of_value
from app.wire.jsontext import load_exact
from app.wire.senders import seldon
from app.wire.senders.protobuf import tensors_of_message
from app.wire.senders.rows import answer_of_predictions, table_of_instances, table_of_parts, table_of_split
from app.wire.senders.seldon import truth_of
from app.wire.senders.sides import Answer, Side, named, rows_of
from app.wire.senders.v2 import document_of, is_tensors, tensors_of
from app.wire.table import Table

GRPC = "application/grpc+proto"
_OWN = frozenset({Format.ARROW, Format.PARQUET, Format.CSV})
_SHAPES = frozenset({"rows", "columns"})
_MOST = 8


def read_request(body: bytes, content_type: str, *, header_length: int | None, side: Side) -> Table:
    """Read the rows that were asked about."""
    if _is_message(body, content_type):
        return table_of_parts([tensor.part() for tensor in tensors_of_message(body, answer=False)], side)
    if format_of(body, content_type) in _OWN:
        return decode(body, content_type)
    document, tail = document_of(body, header_length=header_length)
    exact = None if len(tail) else cache(partial(load_exact, body))
    return _table(document, tail, side, exact=exact, deep=0)


def _is_message(body: bytes, content_type: str) -> bool:
    """Tell a message of ModelMesh from JSON that is called one; no message begins as JSON does."""
    return content_type == GRPC and body[:1] not in {b"{", b"["}


def _table(document: object, tail: memoryview, side: Side, *, exact: Any, deep: int) -> Table:
    if isinstance(document, list):
        return table_of_instances(document, side, exact=exact)
    if not isinstance(document, dict) or deep > _MOST:
        raise undecodable("the body is no call of a model")
    inputs = document.get("inputs")
    if is_tensors(inputs) or len(tail):
        return table_of_parts([tensor.part() for tensor in tensors_of(_listed(inputs), tail)], side)
    if seldon.is_message(document):
        if seldon.holds_array(document):
            return seldon.table_of_message(document, side)
        return _table(seldon.inner(document), tail, side, exact=None, deep=deep + 1)
    return _named(document, side, exact=exact, carried=deep > 0)


def _named(document: dict[str, Any], side: Side, *, exact: Any, carried: bool) -> Table:
    """Make a table of the rows under the key that says what they are; what a message carries may be columns."""
    key = next((key for key in ("instances", "dataframe_records", "inputs") if key in document), None)
    if key is not None:
        again = None if exact is None else lambda: exact()[key]
        return table_of_instances(document[key], side, exact=again)
    if "dataframe_split" in document:
        return table_of_split(document["dataframe_split"])
    if isinstance(document.get("data"), list):
        return table_of_split(document, what="the body")
    if carried and document.keys() & side.known and not document.keys() & _SHAPES:
        return table_of_instances(document, side)
    return table_of_value(document)


def read_response(body: bytes, content_type: str, *, header_length: int | None, side: Side) -> Answer:
    """Read what the model answered."""
    if _is_message(body, content_type):
        parts = [tensor.part() for tensor in tensors_of_message(body, answer=True)]
        return Answer(rows_of(parts), named(parts, side))
    document, tail = document_of(body, header_length=header_length)
    return _answer(document, tail, side, deep=0)


def _answer(document: object, tail: memoryview, side: Side, *, deep: int) -> Answer:
    if isinstance(document, list):
        return answer_of_predictions(document, side)
    if not isinstance(document, dict) or deep > _MOST:
        raise undecodable("the body is no answer of a model")
    outputs = document.get("outputs")
    if is_tensors(outputs) or len(tail):
        parts = [tensor.part() for tensor in tensors_of(_listed(outputs), tail)]
        return Answer(rows_of(parts), named(parts, side))
    for key in ("predictions", "outputs"):
        if key in document:
            return answer_of_predictions(document[key], side)
    if seldon.is_message(document):
        if seldon.holds_array(document):
            return seldon.answer_of_message(document, side)
        return _answer(seldon.inner(document), tail, side, deep=deep + 1)
    if deep and document.keys() & side.known:
        return answer_of_predictions(document, side)
    raise undecodable("an answer holds predictions or outputs")


def read_truth(body: bytes, *, side: Side) -> Answer:
    """Read what turned out to be true, from a feedback."""
    document, _ = document_of(body, header_length=None)
    return truth_of(document, side)


def _listed(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise undecodable("the body holds bytes, but no tensors that describe them")
    return value


def rows_told(body: bytes, *, header_length: int | None) -> int:
    """Count the rows of a request that nobody can name the columns of; 1 where it does not tell."""
    try:
        document, _ = document_of(body, header_length=header_length)
    except Problem:
        return 1
    match document:
        case {"inputs": [{"shape": [int(rows), *_]}, *_]} if 0 <= rows <= MAX_ROWS:
            return rows
        case (
            list(rows)
            | {"instances": list(rows)}
            | {"dataframe_records": list(rows)}
            | {"dataframe_split": {"data": list(rows)}}
            | {"data": {"ndarray": list(rows)}}
        ):
            return len(rows)
        case {"data": {"tensor": {"shape": [int(rows), *_]}}} if 0 <= rows <= MAX_ROWS:
            return rows
        case _:
            return 1
