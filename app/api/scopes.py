"""Which scope opens which operation; docs/scopes.md is this table in print."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.monitor.keyring import Scope

INGEST: Final = frozenset({Scope.INGEST})
READ: Final = frozenset({Scope.READ})
ADMIN: Final = frozenset({Scope.ADMIN})
RECEIPT: Final = INGEST | READ
SCRAPE: Final = READ | {Scope.METRICS}
ANY: Final = frozenset(Scope)
BACKFILL: Final = "backfill=true"


class Body(StrEnum):
    """What comes in: a bounded document, rows held in memory, or a file spooled to disk."""

    DOCUMENT = "document"
    ROWS = "rows"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Access:
    """What an operation asks of a key (any one of `scopes`; None: no key), and how it may burden the process."""

    scopes: frozenset[Scope] | None
    body: Body = Body.DOCUMENT
    unhurried: bool = False
    backfill: bool = False


CLOSED: Final = Access(ADMIN)
_MODEL: Final = "/v1/models/{model}"
_ROWS: Final = Access(INGEST, Body.ROWS)
_BACKFILLED: Final = Access(INGEST, Body.ROWS, backfill=True)

TABLE: Final[dict[str, Access]] = {
    "GET /livez": Access(None),
    "GET /readyz": Access(None),
    "GET /docs": Access(ANY),
    "GET /docs/oauth2-redirect": Access(ANY),
    "GET /openapi.json": Access(ANY),
    "GET /problems": Access(ANY),
    "GET /version": Access(ANY),
    "GET /v1/limits": Access(ANY),
    "GET /metrics": Access(SCRAPE),
    f"PUT {_MODEL}/batches/{{batch_id}}": _BACKFILLED,
    f"POST {_MODEL}/batches": _ROWS,
    f"PUT {_MODEL}/histograms/{{batch_id}}": _BACKFILLED,
    "POST /v1/cloudevents": _ROWS,
    "POST /consumer/kserve/v2": _ROWS,
    "POST /v1/logs": _ROWS,
    "POST /v2/models/{model}/infer": _ROWS,
    "POST /v2/models/{model}/versions/{version}/infer": _ROWS,
    "POST /v1/models/{model}:predict": _ROWS,
    "GET /v1/cloudevents": Access(RECEIPT),
    "GET /consumer/kserve/v2": Access(RECEIPT),
    "GET /v2/models/{model}/infer": Access(RECEIPT),
    "GET /v2/models/{model}/versions/{version}/infer": Access(RECEIPT),
    "GET /v1/models/{model}:predict": Access(RECEIPT),
    f"GET {_MODEL}/batches": Access(RECEIPT),
    "GET /v1/logs": Access(RECEIPT),
    f"GET {_MODEL}/batches/{{batch_id}}": Access(RECEIPT),
    "GET /v1/models": Access(READ),
    f"GET {_MODEL}": Access(READ),
    f"GET {_MODEL}/baselines": Access(READ),
    f"GET {_MODEL}/baselines/{{number}}": Access(READ),
    f"GET {_MODEL}/windows": Access(READ, unhurried=True),
    f"GET {_MODEL}/windows/{{start}}/histograms": Access(READ),
    f"GET {_MODEL}/scores": Access(READ, unhurried=True),
    f"GET {_MODEL}/episodes": Access(READ),
    f"GET {_MODEL}/status": Access(READ),
    f"GET {_MODEL}/features/{{feature}}/explanation": Access(READ),
    f"GET {_MODEL}/thresholds": Access(READ),
    f"GET {_MODEL}/undecodable": Access(READ),
    f"GET {_MODEL}/expectations": Access(READ),
    f"GET {_MODEL}/expectations/results": Access(READ),
    f"POST {_MODEL}/backtest": Access(READ, unhurried=True),
    f"PUT {_MODEL}": Access(ADMIN),
    f"DELETE {_MODEL}": Access(ADMIN),
    f"POST {_MODEL}/baselines": Access(ADMIN, Body.FILE, unhurried=True),
    f"POST {_MODEL}/baselines/from-windows": Access(ADMIN, unhurried=True),
    f"POST {_MODEL}/baselines/{{number}}/activate": Access(ADMIN),
    f"PUT {_MODEL}/thresholds": Access(ADMIN),
    f"DELETE {_MODEL}/thresholds": Access(ADMIN),
    f"PUT {_MODEL}/alert-budget": Access(ADMIN),
    f"POST {_MODEL}/episodes/{{episode}}/verdict": Access(ADMIN),
    f"POST {_MODEL}/evaluate": Access(ADMIN, unhurried=True),
    f"POST {_MODEL}/expectations": Access(ADMIN, Body.ROWS),
    f"POST {_MODEL}/expectations/from-baseline": Access(ADMIN, unhurried=True),
    f"POST {_MODEL}/expectations/{{suite}}/activate": Access(ADMIN),
    f"DELETE {_MODEL}/expectations/{{suite}}": Access(ADMIN),
    "GET /v1/audit": Access(ADMIN),
    "GET /v1/admin/ledger-balance": Access(ADMIN),
    "POST /v1/admin/fold": Access(ADMIN, unhurried=True),
}


def access(method: str, path: str) -> Access:
    """Give what an operation asks; one that is not in the table asks for admin."""
    return TABLE.get(f"{'GET' if method == 'HEAD' else method} {path}", CLOSED)


def markdown() -> str:
    """Print the table for the documentation."""
    lines = ["| operation | scope (any one of) |", "|---|---|"]
    for operation, needed in TABLE.items():
        lines.append(f"| `{operation}` | {_words(needed.scopes)} |")
        if needed.backfill:
            lines.append(f"| `{operation}?{BACKFILL}` | {_words(ADMIN)} |")
    return "\n".join(lines) + "\n"


def _words(scopes: frozenset[Scope] | None) -> str:
    if scopes is None:
        return "no key"
    return "any key" if scopes == ANY else ", ".join(f"`{scope}`" for scope in Scope if scope in scopes)
