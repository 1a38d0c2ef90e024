"""This process's own series as text: what prometheus_client writes, byte for byte, without asking every letter.

The library escapes character by character and reads every name anew at each scrape; names, labels and help texts of a
process hardly change between two.
"""

from functools import lru_cache
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.utils import floatToGoString

from app.metrics.exposition import escape

_KNOWN: Final = 4096


def lines(registry: CollectorRegistry, *, modern: bool) -> bytes:
    """Write counters, gauges and histograms in the text format, or as OpenMetrics."""
    out: list[str] = []
    for family in registry.collect():
        out.append(_head(family.name, family.documentation, family.type, modern=modern))
        out += [f"{_series(one.name, *one.labels.items())} {_number(one.value)}\n" for one in family.samples]
    if modern:
        out.append("# EOF\n")
    return "".join(out).encode()


@lru_cache(_KNOWN)
def _head(name: str, documentation: str, kind: str, *, modern: bool) -> str:
    shown = name if modern or kind != "counter" else f"{name}_total"
    about = escape(documentation) if modern else documentation.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {shown} {about}\n# TYPE {shown} {kind}\n"


@lru_cache(_KNOWN)
def _series(name: str, *labels: tuple[str, str]) -> str:
    if not labels:
        return name
    inside = ",".join(f'{key}="{escape(value)}"' for key, value in sorted(labels))
    return f"{name}{{{inside}}}"


def _number(value: float) -> str:
    shown: str = floatToGoString(value)  # type: ignore[no-untyped-call]
    return shown
