"""A file of rows cut into bodies for the service: the same file gives the same bodies, wherever it lies."""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from app.cli.client import Body
from app.wire.decode import Format
from app.wire.sources import Plain
from app.wire.stream import RowsFile

ROWS: Final = 2_000
CELLS: Final = 500_000
BYTES: Final = 4 << 20
ARROW: Final = "application/vnd.apache.arrow.stream"
CSV: Final = "text/csv"
NDJSON: Final = "application/x-ndjson"
JSON: Final = "application/json"
MSGPACK: Final = "application/msgpack"

Read = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Parcel:
    """One body; `offset` is where its rows begin in the file, in rows, or in bytes for JSON and NDJSON.

    `refused` rows of the file could not be read and are not in the body; `version` served those that are in it.
    """

    path: Path
    id: str
    body: Body | None
    refused: int = 0
    version: str | None = None

    @classmethod
    def of(cls, path: Path, offset: int, content: bytes, content_type: str, *, refused: int = 0) -> "Parcel":
        """Name a body by the file's name, the offset and the bytes."""
        name = hashlib.sha256(b"%b\0%d\0%b" % (path.name.encode(), offset, content)).hexdigest()
        return cls(path, name, Body(content, content_type), refused)

    @classmethod
    def of_rows(
        cls, path: Path, offset: int, rows: list[dict[str, Any]], *, refused: int, version: str | None = None
    ) -> "Parcel":
        """Write rows as JSON; without any there is no body."""
        if not rows:
            return cls(path, "", None, refused)
        content = json.dumps({"rows": rows}, separators=(",", ":"), default=str).encode()
        return replace(cls.of(path, offset, content, JSON, refused=refused), version=version)

    def called(self, name: str) -> "Parcel":
        """Give the same body another id."""
        return replace(self, id=name)


def parcels(path: Path, *, read: Read) -> Iterator[Parcel]:
    """Cut a file of any format and size; `read` hears how many of its bytes are behind."""
    file = RowsFile(path)
    match file.format():
        case Format.NDJSON:
            yield from _lines(path, read)
        case Format.JSON | Format.MSGPACK as whole:
            with Plain(path) as plain:
                content = plain.read(file.json_limit + 1)
            yield Parcel.of(path, 0, content, JSON if whole is Format.JSON else MSGPACK)
        case Format.CSV:
            yield from _tables(file, CSV, read, write=_csv)
        case Format.PARQUET | Format.ARROW:
            yield from _tables(file, ARROW, read, write=_arrow)


def _lines(path: Path, read: Read) -> Iterator[Parcel]:
    """Cut between lines; what stands in them is the service's to judge."""
    with Plain(path) as plain:
        offset, held, rows, size = 0, [], 0, 0
        for line in io.BufferedReader(_Raw(plain), BYTES):
            held.append(line)
            rows, size = rows + 1, size + len(line)
            if rows >= ROWS or size >= BYTES:
                yield Parcel.of(path, offset, b"".join(held), NDJSON)
                read(plain.consumed)
                offset, held, rows, size = offset + size, [], 0, 0
        if b"".join(held).strip():
            yield Parcel.of(path, offset, b"".join(held), NDJSON)


class _Raw(io.RawIOBase):
    """Bytes of a file for a buffered reader."""

    def __init__(self, plain: Plain) -> None:
        self._plain = plain

    def readable(self) -> bool:
        """Say yes: the reader asks."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # as the interpreter calls it
        """Fill a buffer, wholly but at the end."""
        part = self._plain.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


def _tables(file: RowsFile, content_type: str, read: Read, *, write: Callable[[pa.Table], bytes]) -> Iterator[Parcel]:
    offset = 0
    for table in file.tables(read):
        rows = pa.table(dict(table.columns))
        step = max(1, min(ROWS, CELLS // max(len(table.columns), 1)))
        for start in range(0, table.rows, step):
            content = write(rows.slice(start, step))
            yield Parcel.of(file.path, offset + start, content, content_type)
        offset += table.received
        if refused := table.received - table.rows:
            yield Parcel(file.path, "", None, refused)


def _csv(rows: pa.Table) -> bytes:
    """Write cells so that all of them, empty ones and line ends too, come back as they were: every one in quotes."""
    filled = pa.table({name: pc.fill_null(rows.column(name), "") for name in rows.column_names})
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(filled, sink, pyarrow.csv.WriteOptions(quoting_style="all_valid"))
    return bytes(sink.getvalue().to_pybytes())


def _arrow(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue().to_pybytes())
