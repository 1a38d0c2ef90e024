"""One delivery of rows as it came over the wire."""

from dataclasses import dataclass
from functools import partial
from typing import Protocol

import xxhash

from app.drift.columns import Role
from app.monitor.catalog import Watched
from app.monitor.opening import known_of, numbers_of, opening
from app.wire.decode import Format, decode
from app.wire.envelope import opened
from app.wire.table import Table


class Shipment(Protocol):
    """Rows of one delivery, whoever sent them.

    `at_us` is the time of rows without one of their own (None: the receipt time), `received_us` when they came, if
    that is not now; `roles` are those that the rows carry (None: all): features of other roles do not count them.
    """

    @property
    def batch_id(self) -> str:
        """Give the id under which the rows count once."""

    @property
    def version(self) -> str | None:
        """Give the version of rows that name none."""

    @property
    def backfill(self) -> bool:
        """Tell whether these rows are history."""

    @property
    def at_us(self) -> int | None:
        """Give the time of rows without one."""

    @property
    def received_us(self) -> int | None:
        """Give the time at which the rows came, if they have waited."""

    @property
    def roles(self) -> frozenset[Role] | None:
        """Give the roles that the rows carry."""

    def fingerprint(self) -> bytes:
        """Tell two deliveries of one id apart."""

    def table(self, watched: Watched) -> Table:
        """Read the rows, by the names that the model gives them."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """The decompressed body of a batch and what its sender said about it; `shipped` by a log shipper.

    Of lines with more rows than `most` none is read; `kind` is the format, where it was found out before.
    """

    batch_id: str
    body: bytes
    content_type: str
    version: str | None = None
    backfill: bool = False
    row_count: int | None = None
    at_us: int | None = None
    received_us: int | None = None
    roles: frozenset[Role] | None = None
    shipped: bool = False
    most: int | None = None
    kind: Format | None = None

    def fingerprint(self) -> bytes:
        """Tell two deliveries of one id apart: 16 bytes over body, content type and version.

        What a log shipper sends is the same whatever it is called: its body is its id, and a refusal would lose it.
        Whoever made two bodies alike on purpose would only lose their own batch, so a checksum will do.
        """
        digest = xxhash.xxh3_128(self.body)
        for part in ("" if self.shipped else self.content_type, self.version or ""):
            digest.update(b"\0" + part.encode("utf-8", "surrogateescape"))
        return digest.digest()

    def table(self, watched: Watched) -> Table:
        """Read the rows, out of their envelopes."""
        lone = self.shipped or bool(watched.configuration.envelope)
        numbers = partial(numbers_of, watched)
        table = decode(
            self.body,
            self.content_type,
            row_count=self.row_count,
            lone=lone,
            known=partial(known_of, watched),
            numbers=numbers,
            most=self.most,
            kind=self.kind,
        )
        return opened(table, opening(watched))
