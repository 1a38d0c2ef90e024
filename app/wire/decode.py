"""Bytes to a table: the bytes say what they are, the content type is a hint."""

import codecs
from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Final, TypeAlias

from app.errors import BadRequest, UnsupportedType
from app.wire.arrow import FILE_MAGIC, STREAM_MAGIC, table_of_arrow
from app.wire.csvrows import table_of_csv
from app.wire.faults import check_lines, check_objects, check_row_count, clip, undecodable
from app.wire.footer import MAGIC
from app.wire.jsonrows import table_of_rows, table_of_value
from app.wire.jsontext import BLANKS, concatenated, load_exact, load_json
from app.wire.msgpack import is_unmistakable, table_of_msgpack
from app.wire.ndjson import SOMETHING, first_line, is_object, looks_like_lines, table_of_lines, wraps_rows
from app.wire.parquet import table_of_parquet
from app.wire.quick import quick_json
from app.wire.table import Table
from app.wire.telltale import are_lines, has_header, is_row, is_text

MAX_DECODED: Final = 64 << 20

Names: TypeAlias = Callable[[], Collection[str]]


class Format(StrEnum):
    """A row format, by the word that metrics use."""

    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"
    MSGPACK = "msgpack"


TYPES: Final = {
    "application/json": Format.JSON,
    "text/json": Format.JSON,
    "application/x-ndjson": Format.NDJSON,
    "application/ndjson": Format.NDJSON,
    "application/jsonl": Format.NDJSON,
    "application/x-jsonlines": Format.NDJSON,
    "application/jsonlines": Format.NDJSON,
    "application/json-lines": Format.NDJSON,
    "application/json-stream": Format.NDJSON,
    "application/x-json-stream": Format.NDJSON,
    "text/csv": Format.CSV,
    "application/csv": Format.CSV,
    "application/vnd.apache.parquet": Format.PARQUET,
    "application/x-parquet": Format.PARQUET,
    "application/parquet": Format.PARQUET,
    "application/vnd.apache.arrow.stream": Format.ARROW,
    "application/vnd.apache.arrow.file": Format.ARROW,
    "application/msgpack": Format.MSGPACK,
    "application/x-msgpack": Format.MSGPACK,
    "application/vnd.msgpack": Format.MSGPACK,
}


ANYTHING: Final = frozenset({"", "application/octet-stream", "binary/octet-stream"})


def declared_format(content_type: str | None) -> Format | None:
    """Read a content type, its parameters aside; None when it is none of ours."""
    word = _word(content_type or "")
    return Format.JSON if word.endswith("+json") else TYPES.get(word)


def _word(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def format_of(body: bytes, content_type: str | None, *, known: Names = tuple) -> Format | None:
    """Say what a body is; None when neither its bytes nor its type tell. `known` names columns that CSV may have."""
    declared = declared_format(content_type)
    if body.startswith(MAGIC):
        return Format.PARQUET
    if body.startswith((STREAM_MAGIC, FILE_MAGIC)):
        return Format.ARROW
    found = SOMETHING.search(body, len(codecs.BOM_UTF8) if body.startswith(codecs.BOM_UTF8) else 0)
    start = found[0] if found else b""
    if start not in {b"{", b"["}:
        return _without_brackets(body, declared, content_type, known)
    if declared is Format.NDJSON and start == b"{":
        return Format.NDJSON if is_object(first_line(body)) and not wraps_rows(body) else Format.JSON
    if start == b"{" and looks_like_lines(body):
        return Format.NDJSON
    return Format.JSON


def _without_brackets(body: bytes, declared: Format | None, content_type: str | None, known: Names) -> Format | None:
    if is_unmistakable(body) and _may_hide(declared, content_type):
        return Format.MSGPACK
    return Format.CSV if declared is not Format.CSV and has_header(body, known()) else declared


def known_format(body: bytes, content_type: str | None, *, known: Names = tuple, believed: bool = True) -> Format:
    """Say what a body is, as `format_of`; UnsupportedType, or BadRequest for an empty one, when nothing tells.

    Of a sender that is not `believed` the bytes alone count: what is packed in an unknown way would pass for text.
    """
    found = format_of(body, content_type if believed else None, known=known)
    if found is None or not (believed or found is not Format.CSV or is_text(body)):
        if not body.strip(BLANKS) and not content_type:
            raise undecodable("the body is empty")
        shown = clip(ascii(content_type))
        raise UnsupportedType("unsupported-media-type", f"neither {shown} nor the bytes tell a known row format")
    return found


def _may_hide(declared: Format | None, content_type: str | None) -> bool:
    """Whether MessagePack, which has no magic bytes, is likelier than what a content type says."""
    if declared is None:
        return content_type is None or _word(content_type) in ANYTHING or _word(content_type).startswith("text/")
    return declared is not Format.CSV


def decode(  # noqa: PLR0913 - what a sender may say, and what is known of its rows
    body: bytes,
    content_type: str | None,
    *,
    row_count: int | None = None,
    limit: int = MAX_DECODED,
    lone: bool = False,
    known: Names = tuple,
    numbers: Names = tuple,
    most: int | None = None,
    kind: Format | None = None,
) -> Table:
    """Read the rows of a body; `row_count` is what its sender counted, `limit` bounds what is packed inside it.

    `lone` takes one object by itself for one row, as log shippers send it; else it has to have one of the `known`
    names. `numbers` names columns whose text is likely to be read as numbers, when that is asked. More lines or
    objects than `most` rows can need are not read. `kind` is the format, if somebody has found it out.
    """
    kind = kind or known_format(body, content_type, known=known)
    table = _table(
        body,
        content_type,
        kind=kind,
        row_count=row_count,
        limit=limit,
        lone=lone,
        known=known,
        numbers=numbers,
        most=most,
    )
    check_row_count(table.received, row_count)
    return table


def _table(  # noqa: PLR0913 - what decode is given
    body: bytes,
    content_type: str | None,
    *,
    kind: Format,
    row_count: int | None,
    limit: int,
    lone: bool,
    known: Names,
    numbers: Names,
    most: int | None,
) -> Table:
    match kind:
        case Format.PARQUET:
            return table_of_parquet(body, limit=limit, wanted=known)
        case Format.ARROW:
            return table_of_arrow(body, told=row_count, limit=limit)
        case Format.NDJSON:
            if most is not None:
                check_lines(body, most)
                check_objects(body, most)
            return table_of_lines(body)
        case Format.CSV:
            if most is not None and b'"' not in body:  # without a quote each line is a row, after the header
                check_lines(body, most, headed=True)
            return table_of_csv(body, numbers=numbers(), wanted=known)
        case Format.JSON:
            return _json(body, content_type, lone=lone, known=known, most=most)
        case Format.MSGPACK:
            return table_of_msgpack(body)


def _json(body: bytes, content_type: str | None, *, lone: bool, known: Names, most: int | None) -> Table:
    quick = quick_json(body, most=most)
    if quick is not None:
        return quick
    try:
        value = load_json(body)
    except BadRequest:
        table = _text(body, declared_format(content_type))
        if table is None:
            raise
        return table
    wrapped = not isinstance(value, dict) or isinstance(value.get("rows", value.get("columns")), list | dict)
    if not wrapped and (lone or is_row(value, known())):
        return table_of_rows([value], exact=lambda: [load_exact(body)])
    return table_of_value(value, body=body)


def _text(body: bytes, declared: Format | None) -> Table | None:
    """Read what looked like one JSON value and is none."""
    objects = concatenated(body)
    if objects is not None and len(objects) > 1:
        return table_of_rows(objects)
    if declared is Format.CSV:
        return table_of_csv(body)
    if declared is Format.NDJSON or are_lines(body) or looks_like_lines(body, whole=True):
        return table_of_lines(body)
    objects = concatenated(body, broken=True)
    return None if objects is None else table_of_rows(objects)
