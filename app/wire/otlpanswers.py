"""What an OTLP/HTTP exporter is answered, in protobuf or JSON.

The messages are ExportLogsServiceResponse of logs_service.proto and google.rpc.Status; a full success is the empty one.
"""

import json
from http import HTTPStatus
from typing import Final

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"

_CODES: Final = {
    HTTPStatus.BAD_REQUEST: 3,
    HTTPStatus.UNAUTHORIZED: 16,
    HTTPStatus.FORBIDDEN: 7,
    HTTPStatus.NOT_FOUND: 5,
    HTTPStatus.CONFLICT: 9,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: 3,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: 3,
    HTTPStatus.UNPROCESSABLE_ENTITY: 3,
    HTTPStatus.TOO_MANY_REQUESTS: 8,
    HTTPStatus.INTERNAL_SERVER_ERROR: 13,
    HTTPStatus.SERVICE_UNAVAILABLE: 14,
}
"""Numbers of google.rpc.Code by HTTP status."""
_UNKNOWN: Final = 2


def exported(*, rejected: int, message: str, as_json: bool) -> bytes:
    """Answer an export; records that were rejected make it a partial success."""
    if not rejected and not message:
        return b"{}" if as_json else b""
    if as_json:
        return _json({"partialSuccess": {"rejectedLogRecords": str(rejected), "errorMessage": message}})
    return _sized(1, _number(1, rejected) + _sized(2, message.encode()))


def failed(status: HTTPStatus, message: str, *, as_json: bool) -> bytes:
    """Write a google.rpc.Status."""
    code = _CODES.get(status, _UNKNOWN)
    if as_json:
        return _json({"code": code, "message": message})
    return _number(1, code) + _sized(2, message.encode())


def _json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _number(field: int, value: int) -> bytes:
    return (bytes([field << 3]) + _varint(value)) if value else b""


def _sized(field: int, content: bytes) -> bytes:
    return (bytes([field << 3 | 2]) + _varint(len(content)) + content) if content else b""


def _varint(value: int) -> bytes:
    octets = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*octets, value])
