"""OTLP exports made with the protobuf library from the published messages."""

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource


def value(held: Any) -> AnyValue:
    """A value of any kind."""
    if isinstance(held, list):
        return AnyValue(array_value=ArrayValue(values=map(value, held)))
    if isinstance(held, dict):
        return AnyValue(kvlist_value=KeyValueList(values=pairs(held)))
    kinds = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value", bytes: "bytes_value"}
    return AnyValue() if held is None else AnyValue(**{kinds[type(held)]: held})


def pairs(held: Mapping[str, Any]) -> list[KeyValue]:
    """A map as its pairs."""
    return [KeyValue(key=key, value=value(one)) for key, one in held.items()]


def record(
    attributes: Mapping[str, Any] | None = None, *, body: Any = None, time: int = 0, observed: int = 0
) -> LogRecord:
    """A log record; times in nanoseconds."""
    return LogRecord(
        attributes=pairs(attributes or {}),
        body=None if body is None else value(body),
        time_unix_nano=time,
        observed_time_unix_nano=observed,
    )


def export(*resources: tuple[Mapping[str, Any], Sequence[LogRecord]]) -> ExportLogsServiceRequest:
    """An export of the records of some resources, each given by its attributes."""
    return ExportLogsServiceRequest(
        resource_logs=[
            ResourceLogs(resource=Resource(attributes=pairs(named)), scope_logs=[ScopeLogs(log_records=records)])
            for named, records in resources
        ]
    )
