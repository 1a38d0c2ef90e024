"""The shapes of answers, for the OpenAPI."""

from typing import Any, Final

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
NUMBER: Final[Schema] = {"type": "number"}
WHOLE: Final[Schema] = {"type": "integer"}
FLAG: Final[Schema] = {"type": "boolean"}
INSTANT: Final[Schema] = {"type": "string", "format": "date-time"}
ANY: Final[Schema] = {"type": "object"}


def record(**fields: Schema) -> Schema:
    """Describe an object that has these fields, and may have more."""
    return {"type": "object", "properties": fields, "required": list(fields)}


def many(item: Schema) -> Schema:
    """Describe an array."""
    return {"type": "array", "items": item}


def maybe(schema: Schema) -> Schema:
    """Describe a value that may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def choice(*values: str) -> Schema:
    """Describe one of a few words."""
    return {"type": "string", "enum": list(values)}


def answers(schema: Schema, *statuses: int, tagged: bool = False) -> dict[int | str, dict[str, Any]]:
    """Describe a JSON answer; `tagged` with an ETag."""
    described: dict[str, Any] = {"description": "Done", "content": {"application/json": {"schema": schema}}}
    if tagged:
        described["headers"] = {"ETag": {"description": "To be sent as If-Match with a change.", "schema": TEXT}}
    return dict.fromkeys(statuses or (200,), described)


def tables(schema: Schema, *types: str) -> dict[int | str, dict[str, Any]]:
    """Describe a JSON answer that may also come as one of these media types."""
    described = answers(schema)
    described[200]["content"] |= {kind: {"schema": TEXT} for kind in types}
    return described


_COUNTS: Final = record(received=WHOLE, accepted=WHOLE, late=WHOLE, future=WHOLE, rejected=WHOLE)
RECEIPT: Final = record(
    batch_id=TEXT,
    duplicate=FLAG,
    rows=_COUNTS,
    rejections=many(record(row=WHOLE, reason=TEXT)),
    ignored_features=record(count=WHOLE, sample=many(TEXT)),
    windows=many(record(start=INSTANT, rows=WHOLE)),
    baseline=WHOLE,
    untimed=WHOLE,
    server_time=INSTANT,
)
MODEL: Final = record(
    name=TEXT,
    window=TEXT,
    timezone=TEXT,
    late_horizon=TEXT,
    future_tolerance=TEXT,
    time_column=TEXT,
    naive_timestamps=choice("utc", "local"),
    version_column=maybe(TEXT),
    envelope=many(TEXT),
    alert_budget=record(pages_per_month=NUMBER),
    features={"type": "object", "additionalProperties": record(kind=choice("numeric", "categorical"), role=TEXT)},
    baseline=maybe(WHOLE),
    revision=WHOLE,
    created_at=INSTANT,
)
WINDOW: Final = record(start=INSTANT, end=INSTANT, version=TEXT, rows=WHOLE, status=choice("open", "closed", "scored"))
LINE: Final = record(
    statistic=TEXT,
    feature=maybe(TEXT),
    version=maybe(TEXT),
    severity=choice("warning", "critical"),
    mode=TEXT,
    value=maybe(NUMBER),
    p=maybe(NUMBER),
    source=choice("feature", "model", "default"),
)
THRESHOLD: Final = record(
    statistic=TEXT, feature=maybe(TEXT), version=maybe(TEXT), warning=maybe(ANY), critical=maybe(ANY)
)
SCORE: Final = record(
    window_start=INSTANT,
    feature=TEXT,
    version=TEXT,
    statistic=TEXT,
    value=maybe(NUMBER),
    threshold=record(warning=maybe(NUMBER), critical=maybe(NUMBER)),
    p_value=maybe(NUMBER),
    rows=WHOLE,
    status=TEXT,
)
HISTOGRAMS: Final = record(
    window_start=INSTANT, window_end=INSTANT, version=TEXT, baseline=WHOLE, rows=WHOLE, features=ANY
)
BALANCE: Final = record(ledger_rows=WHOLE, folded_rows=WHOLE, journal_rows=WHOLE, imbalance=WHOLE)
EVENT: Final = record(id=WHOLE, at=INSTANT, actor=TEXT, action=TEXT, object=TEXT, request_id=TEXT, hash=TEXT)
CODE: Final = record(code=TEXT, title=TEXT, status=WHOLE, retryable=FLAG, meaning=TEXT)
