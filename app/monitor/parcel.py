"""One delivery of rows as it came over the wire."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parcel:
    """The decompressed body of a batch and what its sender said about it."""

    batch_id: str
    body: bytes
    content_type: str
    version: str | None = None
    backfill: bool = False
    row_count: int | None = None

    def fingerprint(self) -> bytes:
        """Tell two deliveries of one id apart: 16 bytes over body, content type and version."""
        digest = hashlib.sha256(self.body)
        for part in (self.content_type, self.version or ""):
            digest.update(b"\0" + part.encode("utf-8", "surrogateescape"))
        return digest.digest()[:16]
