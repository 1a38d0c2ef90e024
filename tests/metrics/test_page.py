"""The /metrics page."""

import gzip
import zlib

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from app.metrics.instruments import Instruments
from app.metrics.page import OPENMETRICS, TEXT, Page
from metrics.tools import openmetrics
from metrics.views import model

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


def published() -> Page:
    """A page with one model."""
    page = Page(Instruments("1"), max_series=1000)
    page.publish([model()])
    return page


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, TEXT),
        ("*/*", TEXT),
        ("text/html, */*;q=0.8", TEXT),
        (PROMETHEUS, OPENMETRICS),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text;q=0.1, text/plain", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;q=lots", TEXT),
    ],
)
def test_the_format_follows_the_accept_header(accept: str | None, kind: str) -> None:
    """Text 0.0.4 unless OpenMetrics is preferred."""
    assert published().render(accept, None)[1] == kind


@pytest.mark.parametrize(
    ("accept_encoding", "encoding"),
    [(None, None), ("", None), ("gzip", "gzip"), ("br, GZIP;q=0.5", "gzip"), ("gzip;q=0", None), ("*", "gzip")],
)
def test_the_encoding_follows_the_accept_encoding_header(accept_encoding: str | None, encoding: str | None) -> None:
    """Gzip only for those who can read it."""
    assert published().render(None, accept_encoding)[2] == encoding


def test_openmetrics_is_valid_and_ends_once() -> None:
    """Ready and live series together are one lawful document."""
    body = published().render(PROMETHEUS, None)[0].decode()
    assert body.count("# EOF") == 1
    assert body.endswith("# EOF\n")
    names = {family.name for family in openmetrics(body)}
    assert {"drift_score", "driftgauge_build", "driftgauge_ingest_rows"} <= names | {"driftgauge_build"}


def test_text_holds_the_same_samples() -> None:
    """Both formats tell the same, but for what changes from one moment to the next."""
    page = published()
    text = {
        s for f in parse_text(page.render(None, None)[0].decode()) for s in map(str, f.samples) if "process_" not in s
    }
    modern = page.render(PROMETHEUS, None)[0].decode()
    other = {s for f in openmetrics(modern) for s in map(str, f.samples) if "process_" not in s}
    assert {line for line in text if "'drift_" in line} == {line for line in other if "'drift_" in line}


@pytest.mark.parametrize("accept", [None, PROMETHEUS])
def test_gzip_is_one_member(accept: str | None) -> None:
    """Clients that stop after the first member see the whole page, with the right checksum."""
    page = published()
    body, _, _ = page.render(accept, "gzip")
    single = zlib.decompressobj(16 + zlib.MAX_WBITS)
    unpacked = single.decompress(body)
    assert single.eof
    assert not single.unused_data
    assert gzip.decompress(body) == unpacked
    assert b"drift_score{" in unpacked
    assert b"driftgauge_build_info{" in unpacked


def test_publishing_replaces_and_tells_what_was_dropped() -> None:
    """The next scrape shows the new state, and the gauge how many series had no room."""
    page = Page(Instruments("1"), max_series=10)
    page.publish([model()])
    assert b"driftgauge_series_dropped 24.0" in page.render(None, None)[0]
    page.publish([])
    body = page.render(None, None)[0]
    assert b"driftgauge_series_dropped 0.0" in body
    assert b"drift_score" not in body
