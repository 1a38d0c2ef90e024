"""The /metrics page: ready drift bytes, then this process's own series."""

import re
import struct
import zlib
from collections.abc import Collection, Iterable
from typing import Final

from app.metrics.exposition import DriftPage, render
from app.metrics.instruments import Instruments
from app.metrics.live import lines
from app.metrics.snapshot import ModelView

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
LIGHT: Final = 500
"""Drift series of few models."""
_GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
_MODEL: Final = re.compile(rb'[{,]model="((?:[^"\\]|\\.)*)"')
_WORD: Final = 0xFFFFFFFF


class Page:
    """Everything one process exposes; `publish` may run in any thread while `render` serves."""

    def __init__(self, instruments: Instruments, *, max_series: int, max_model_series: int | None = None) -> None:
        """Start with no drift series."""
        self._instruments = instruments
        self._max_series = max_series
        self._max_model_series = max_model_series
        self._drift: DriftPage = render((), max_series=max_series)

    def publish(self, models: Iterable[ModelView]) -> DriftPage:
        """Replace the drift series; the next scrape shows them."""
        drift = render(models, max_series=self._max_series, max_model_series=self._max_model_series)
        self._drift = drift
        self._instruments.series_dropped.set(drift.dropped)
        return drift

    @property
    def light(self) -> bool:
        """Tell whether rendering costs less than handing it to a thread."""
        return self._drift.series <= LIGHT

    def render(
        self, accept: str | None, accept_encoding: str | None, *, models: Collection[str] | None = None
    ) -> tuple[bytes, str, str | None]:
        """The page, its content type, and `gzip` or None as its content encoding; `models` leaves out all others."""
        drift = self._drift
        modern = _wants_openmetrics(accept or "")
        live = lines(self._instruments.registry, modern=modern)
        kind = OPENMETRICS if modern else TEXT
        if models is not None:
            return of_models(drift.plain + live, models), kind, None
        if _quality(accept_encoding or "", ("gzip", "*")) > 0:
            return _gzip(drift, live), kind, "gzip"
        return drift.plain + live, kind, None


def of_models(page: bytes, models: Collection[str]) -> bytes:
    """Leave the series of other models out of a plain page."""
    seen = {_escaped(model) for model in models}

    def shown(line: bytes) -> bool:
        found = None if line.startswith(b"#") else _MODEL.search(line)
        return found is None or found[1] in seen

    return b"".join(line for line in page.splitlines(keepends=True) if shown(line))


def _escaped(value: str) -> bytes:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").encode()


def _gzip(drift: DriftPage, live: bytes) -> bytes:
    """One gzip member: some clients stop after the first, so two may not be joined."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    tail = packer.compress(live) + packer.flush()
    crc = zlib.crc32(live, drift.crc)
    size = (len(drift.plain) + len(live)) & _WORD
    return b"".join((_GZIP_HEADER, drift.deflated, tail, struct.pack("<II", crc, size)))


def _wants_openmetrics(accept: str) -> bool:
    modern = _quality(accept, ("application/openmetrics-text",))
    return modern > 0 and modern >= _quality(accept, ("text/plain",))


def _quality(header: str, names: tuple[str, ...]) -> float:
    """The highest weight that a header gives any of these names; 0 when it names none."""
    best = 0.0
    for item in header.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        if name in names:
            weights = [parameter[2:] for parameter in parameters if parameter.startswith("q=")]
            best = max(best, _weight(weights[0]) if weights else 1.0)
    return best


def _weight(text_: str) -> float:
    try:
        return float(text_)
    except ValueError:
        return 0.0
