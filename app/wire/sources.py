"""Files on disk as streams of plain bytes."""

import codecs
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa

from app.wire.arriving import Arriving, complete
from app.wire.faults import clip, undecodable
from app.wire.inflate import GZIP_MAGIC, ZSTD_MAGIC, is_zlib

COPY_STEP: Final = 1 << 20
LOOK: Final = 1 << 12
SUFFIXES: Final = {
    ".json": "application/json",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".arrow": "application/vnd.apache.arrow.stream",
    ".arrows": "application/vnd.apache.arrow.stream",
    ".feather": "application/vnd.apache.arrow.file",
    ".msgpack": "application/msgpack",
}
PACKED: Final = frozenset({".gz", ".zst", ".zstd"})


def type_of_path(path: Path) -> str | None:
    """Guess a content type from a file's name."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return SUFFIXES.get(suffixes[-1]) if suffixes else None


def compression_of(path: Path) -> str | None:
    """Recognise gzip and zstd by their first bytes, and zlib, which Arrow reads as gzip."""
    with path.open("rb") as file:
        head = file.read(LOOK)
    if head.startswith(GZIP_MAGIC) or is_zlib(head, whole=len(head) < LOOK):
        return "gzip"
    return "zstd" if head.startswith(ZSTD_MAGIC) else None


class Plain:
    """The decompressed bytes of a file, read in full; as `text`, they are repaired UTF-8."""

    def __init__(self, path: Path, *, text: bool = False, arriving: Arriving | None = None, begin: int = 0) -> None:
        """Open the file, a compressed one when it is whole; nothing is read yet.

        Reading may `begin` at a place that an earlier pass told.
        """
        self._arriving = arriving or complete()
        self._arriving.wait(LOOK)
        kind = compression_of(path)
        if kind:
            self._arriving.wait()
        self._raw = pa.OSFile(str(path), "rb")
        self._stream: Any = pa.CompressedInputStream(self._raw, kind) if kind else self._raw
        if begin:
            self._raw.seek(begin)
        self._verbatim = kind is None
        self._repair = codecs.getincrementaldecoder("utf-8")("replace") if text else None
        self._ready = b""
        self._over = False
        self._busy = threading.Lock()
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def consumed(self) -> int:
        """Bytes of the file itself read so far."""
        return 0 if self.closed else int(self._raw.tell())

    @property
    def place(self) -> int | None:
        """Bytes of the file that were given; None once what is given is no longer as long as they were."""
        if self.closed or not self._verbatim:
            return None
        pending = len(self._ready) + (0 if self._repair is None else len(self._repair.getstate()[0]))
        return int(self._raw.tell()) - pending

    def read(self, size: int, *, behind: bytes = b"") -> bytes:
        """Read so many bytes, fewer only at the end, and none once it is closed; give them with those before them."""
        with self._busy:
            return behind if self.closed else self._read(size + len(behind), behind)

    def _read(self, size: int, behind: bytes) -> bytes:
        parts = [behind, self._ready] if behind else [self._ready]
        held = len(behind) + len(self._ready)
        while held < size and (part := self._some(size - held)):
            parts.append(part)
            held += len(part)
        plain = b"".join(filter(None, parts))
        self._ready = plain[size:]
        return plain[:size]

    def _some(self, size: int) -> bytes:
        self._arriving.wait(self._raw.tell() + size)
        try:
            part: bytes = self._stream.read(size)
        except (OSError, pa.ArrowException) as error:
            raise undecodable(f"the file cannot be decompressed: {clip(str(error))}") from None
        return part if self._repair is None else self._repaired(part)

    def _repaired(self, part: bytes) -> bytes:
        if self._repair is None or self._over:
            return b""
        if part.isascii() and part and not self._repair.getstate()[0]:
            return part
        pending = len(self._repair.getstate()[0])
        text = self._repair.decode(part, final=not part).encode()
        if len(text) + len(self._repair.getstate()[0]) != pending + len(part):
            self._verbatim = False
        if part:
            return text or self._some(1)
        self._over = True
        return text

    def readable(self) -> bool:
        """Say yes: Arrow asks."""
        return not self.closed

    def writable(self) -> bool:
        """Say no: Arrow asks."""
        return False

    def close(self) -> None:
        """Let go of the file, once nobody reads it.

        Arrow reads ahead in threads of its own that outlive their reader: the number of a file that is closed under
        them may be that of the next file opened, and they would take its bytes.
        """
        with self._busy:
            if self.closed:
                return
            self.closed = True
            self._stream.close()
            self._raw.close()


@contextmanager
def unpacked(path: Path, arriving: Arriving) -> Iterator[Path]:
    """Give a file that can be read out of order, once it is whole: itself, or a decompressed copy for the while."""
    arriving.wait()
    if compression_of(path) is None:
        yield path
        return
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".unpacked-") as copy, Plain(path) as packed:
        while part := packed.read(COPY_STEP):
            copy.write(part)
        copy.flush()
        yield Path(copy.name)
