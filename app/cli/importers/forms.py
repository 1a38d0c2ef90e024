"""Which importer reads which files."""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from typing import Final

from app.cli import parcels as plain
from app.cli.importers import kserve, requests, sagemaker
from app.cli.importers.records import Failed, names_of, readable
from app.cli.importers.schema import Schema
from app.cli.parcels import Parcel, Read
from app.errors import Problem
from app.wire.decode import Format
from app.wire.sources import PACKED, SUFFIXES
from app.wire.stream import RowsFile


class Form(StrEnum):
    """What wrote the files."""

    AUTO = "auto"
    ROWS = "rows"
    SAGEMAKER = "sagemaker"
    KSERVE_BLOB = "kserve-blob"
    DATABRICKS = "databricks"
    VERTEX = "vertex"


MARKS: Final = {
    Form.SAGEMAKER: frozenset({sagemaker.KEY}),
    Form.KSERVE_BLOB: kserve.KEYS,
    Form.VERTEX: requests.VERTEX,
    Form.DATABRICKS: requests.DATABRICKS,
}


def files_of(paths: Sequence[Path]) -> list[Path]:
    """List files, and those in folders by name; what is hidden or holds no rows by its name is left out."""
    return [
        file
        for path in paths
        for file in (sorted(one for one in path.rglob("*") if _is_data(one, path)) if path.is_dir() else [path])
    ]


def _is_data(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
    if hidden or not file.is_file():
        return False
    return any(suffix.lower() in SUFFIXES | dict.fromkeys(PACKED) for suffix in file.suffixes) or (
        not file.suffix and _tells(file)
    )


def _tells(file: Path) -> bool:
    """Tell whether the bytes of a file without a suffix, as BigQuery exports them, say what rows it holds."""
    try:
        return RowsFile(file).format() is not Format.JSON
    except (OSError, Problem):
        return False


def form_of(file: Path) -> Form:
    """Tell what wrote a file by the names in it."""
    names = names_of(file)
    return next((form for form, marks in MARKS.items() if marks <= names), Form.ROWS)


def parcels(
    files: Sequence[Path],
    form: Form,
    schema: Callable[[], Schema],
    *,
    read: Read,
    failed: Failed | None = None,
) -> Iterator[Parcel]:
    """Make batches of files; `schema` is asked for if it is needed, `read` hears how many bytes are behind.

    What cannot be read on is told to `failed`, and costs no other file.
    """
    schema = cache(schema)
    pairs: list[Path] = []
    done = 0
    for file in files:
        found = form_of(file) if form is Form.AUTO else form
        if found is Form.KSERVE_BLOB:
            pairs.append(file)
            continue
        made = _of_file(file, found, schema, read=partial(kserve.onwards, read, done))
        yield from readable(made, file, failed=failed)
        done += file.stat().st_size
    if pairs:
        yield from kserve.parcels(pairs, schema(), read=partial(kserve.onwards, read, done), failed=failed)


def _of_file(file: Path, form: Form, schema: Callable[[], Schema], *, read: Read) -> Iterator[Parcel]:
    match form:
        case Form.SAGEMAKER:
            return sagemaker.parcels(file, schema(), read=read)
        case Form.DATABRICKS | Form.VERTEX:
            return requests.parcels(file, schema(), read=read)
        case _:
            return plain.parcels(file, read=read)
