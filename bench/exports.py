"""How fast OTLP exports become rows: our reader beside protobuf's own objects, on the same bytes.

python bench/exports.py [records] [attributes]
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from app.wire.otlp import logs_of_protobuf

REPEATS: Final = 9


def best(work: Callable[[], object]) -> float:
    """The least processor time of a few runs, in seconds."""
    times = []
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def objects(body: bytes) -> list[dict[str, Any]]:
    """Rows by way of protobuf's objects."""
    return [
        {pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "", None) for pair in one.attributes}
        for resource in ExportLogsServiceRequest.FromString(body).resource_logs
        for scope in resource.scope_logs
        for one in scope.log_records
    ]


def value(held: Any) -> AnyValue:
    """A double or a text."""
    return AnyValue(double_value=held) if isinstance(held, float) else AnyValue(string_value=held)


def main(records: int = 5_000, attributes: int = 20) -> None:
    """Print rows and values a second of both ways, for records of one layout and of many."""
    kinds: dict[str, list[dict[str, Any]]] = {
        "doubles": [{f"feature_{n}": n * 1.5 + row for n in range(attributes)} for row in range(records)],
        "texts of all lengths": [
            {f"feature_{n}": "x" * (row * (n + 3) % 89) for n in range(attributes)} for row in range(records)
        ],
    }
    for kind, rows in kinds.items():
        logs = [
            LogRecord(attributes=[KeyValue(key=name, value=value(held)) for name, held in row.items()]) for row in rows
        ]
        request = ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=logs)])])
        body = request.SerializeToString()
        assert [dict(row or {}) for row in logs_of_protobuf(body, most=records)[0].rows] == objects(body) == rows
        print(f"{records} records of {attributes} {kind}, {len(body) / 1e6:.1f} MB")
        _report("our reader", best(partial(logs_of_protobuf, body, most=records)), records, attributes)
        _report("protobuf's objects", best(partial(objects, body)), records, attributes)


def _report(name: str, seconds: float, records: int, attributes: int) -> None:
    rows, values = records / seconds / 1e3, records * attributes / seconds / 1e6
    print(f"{name:20} {rows:8.1f} k records/s  {values:6.2f} M values/s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
