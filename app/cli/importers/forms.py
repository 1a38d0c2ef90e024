"""Which importer reads which files."""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from typing import Final

from app.cli import parcels as plain
from app.cli.importers import kserve, requests, sagemaker
from app.cli.importers.records import names_of
from app.cli.importers.schema import Schema
from app.cli.parcels import Parcel, Read
from app.wire.sources import PACKED, SUFFIXES


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
    return (
        not hidden
        and file.is_file()
        and any(suffix.lower() in SUFFIXES | dict.fromkeys(PACKED) for suffix in file.suffixes)
    )


def form_of(file: Path) -> Form:
    """Tell what wrote a file by the names in it."""
    names = names_of(file)
    return next((form for form, marks in MARKS.items() if marks <= names), Form.ROWS)


def parcels(files: Sequence[Path], form: Form, schema: Callable[[], Schema], *, read: Read) -> Iterator[Parcel]:
    """Make batches of files; `schema` is asked for if it is needed, `read` hears how many bytes are behind."""
    schema = cache(schema)
    pairs: list[Path] = []
    done = 0
    for file in files:
        found = form_of(file) if form is Form.AUTO else form
        if found is Form.KSERVE_BLOB:
            pairs.append(file)
            continue
        yield from _of_file(file, found, schema, read=partial(kserve.onwards, read, done))
        done += file.stat().st_size
    if pairs:
        yield from kserve.parcels(pairs, schema(), read=partial(kserve.onwards, read, done))


def _of_file(file: Path, form: Form, schema: Callable[[], Schema], *, read: Read) -> Iterator[Parcel]:
    match form:
        case Form.SAGEMAKER:
            return sagemaker.parcels(file, schema(), read=read)
        case Form.DATABRICKS | Form.VERTEX:
            return requests.parcels(file, schema(), read=read)
        case _:
            return plain.parcels(file, read=read)
