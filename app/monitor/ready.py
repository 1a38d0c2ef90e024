"""Files that hold a baseline's histograms ready made, instead of rows."""

from codecs import BOM_UTF8
from pathlib import Path
from typing import Any, Final

from app.drift.baseline import Baseline
from app.errors import BadRequest, TooLarge
from app.wire.arriving import Arriving
from app.wire.inflate import GZIP_MAGIC, ZLIB_MAGICS, ZSTD_MAGIC, inflate
from app.wire.jsonrows import is_histograms
from app.wire.jsontext import load_json
from app.wire.partition import read_histograms

LARGEST: Final = 64 * 2**20
STARTS: Final = (b"{", b" ", b"\n", b"\r", b"\t", BOM_UTF8, GZIP_MAGIC, ZSTD_MAGIC, *ZLIB_MAGICS)
"""How they may begin."""


def ready_histograms(path: Path, arriving: Arriving) -> Baseline | None:
    """Read a file, which may still be arriving, as ready histograms; None when it holds something else."""
    arriving.wait(LARGEST + 1)
    if path.stat().st_size > LARGEST:
        return None
    body = path.read_bytes()
    if not body.startswith(STARTS):
        return None
    try:
        body = inflate(body, None, limit=LARGEST)
    except TooLarge:
        return None
    if b'"features"' not in body:
        return None
    try:
        document: Any = load_json(body)
    except BadRequest:
        return None
    return read_histograms(document) if is_histograms(document) else None
