"""The inputs that fuzzing begins with, stored as `corpus.zip`: `TARGET/HASH`."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

STORED: Final = Path(__file__).with_name("corpus.zip")
LARGEST: Final = 4096
MOST: Final = 150


def inputs() -> dict[str, list[bytes]]:
    """Every stored input by its target."""
    found: dict[str, list[bytes]] = {}
    with ZipFile(STORED) as packed:
        for name in packed.namelist():
            found.setdefault(name.partition("/")[0], []).append(packed.read(name))
    return found


def lay_out(target: str, folder: Path) -> None:
    """Write the inputs of a target as files."""
    folder.mkdir()
    for data in inputs().get(target, []):
        (folder / _digest(data)).write_bytes(data)


def keep(new: Mapping[str, Iterable[bytes]]) -> None:
    """Add small inputs to the store, of each target so many at most; the stored ones stay."""
    old = inputs() if STORED.exists() else {}
    with ZipFile(STORED, "w", ZIP_DEFLATED) as packed:
        for target in sorted({*old, *new}):
            small = sorted(
                (data for data in new.get(target, ()) if len(data) <= LARGEST), key=lambda data: (len(data), data)
            )
            for data in list(dict.fromkeys([*old.get(target, ()), *small]))[:MOST]:
                packed.writestr(ZipInfo(f"{target}/{_digest(data)}"), data, ZIP_DEFLATED)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
