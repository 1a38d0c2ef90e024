"""In what form the values of a sample came, and the form in which a baseline counts them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa

from app.drift.columns import INVALID_CODE
from app.monitor.breath import breathe
from app.monitor.sampling import Sample
from app.quality.job import Task
from app.quality.twins import readings
from app.wire.categories import moment
from app.wire.numbers import number
from app.wire.picks import read_cells
from app.wire.values import categorical


@dataclass(frozen=True, slots=True)
class Forms:
    """Columns that hold nothing but text, all of them if None; and those that hold text among other values."""

    textual: frozenset[str] | None
    mixed: frozenset[str] = frozenset()


_TEXT: Final = re.compile("string|null")
AS_COUNTED: Final = Forms(None)


def forms(sample: Sample, *, secret: frozenset[str]) -> Forms:
    """Tell the form of each column; of `secret` ones nobody sees values, so their categories stand for them."""
    if not len(sample):
        return AS_COUNTED
    textual, mixed = set(secret), set()
    for name, column in sample.columns.items():
        breathe()
        if name in sample.cells:
            if _stays_text(column):
                textual.add(name)
            continue
        text = [isinstance(value, str) for value in column if value is not None]
        if all(text) and _TEXT.search(sample.types.get(name, "string")):
            textual.add(name)
        if any(text):
            mixed.add(name)
    return Forms(frozenset(textual), frozenset(mixed))


def as_counted(sample: Sample, tasks: Iterable[Task]) -> Sample:
    """Give the columns of some expectations as a baseline counts them: numbers that came as text, and categories.

    A category that another format writes otherwise is what the expectation calls it.
    """
    columns: dict[str, list[Any]] = {}
    for task in tasks:
        name = task.kwargs.get("column")
        if isinstance(name, str) and name in sample.columns:
            cells = name in sample.cells
            known = _categories(task.kwargs)
            if known is None:
                columns[name] = _numbers(sample.columns[name], cells=cells)
            else:
                called = readings(known)
                words = _words(sample.columns[name], cells=cells)
                columns[name] = [word if word is None else called.get(word, word) for word in words]
    types = {name: kind for name, kind in sample.types.items() if name not in columns}
    return Sample(sample.hashes, {**sample.columns, **columns}, sample.cells - columns.keys(), types)


def otherwise_written(sample: Sample, kwargs: Mapping[str, Any]) -> bool:
    """Tell whether a category is in the sample that the expectation knows, but writes otherwise."""
    known, name = _categories(kwargs), kwargs.get("column")
    if known is None or not isinstance(name, str) or name not in sample.columns:
        return False
    called = readings(known)
    words = set(_words(sample.columns[name], cells=name in sample.cells))
    return any(word in called and called[word] != word for word in words)


def _categories(kwargs: Mapping[str, Any]) -> list[Any] | None:
    """Give the categories that an expectation names, None when it names none."""
    partition = kwargs.get("partition_object")
    found = kwargs.get("value_set", partition.get("values") if isinstance(partition, dict) else None)
    return found if isinstance(found, list) else None


def _stays_text(cells: Sequence[Any]) -> bool:
    """Tell whether some cell keeps pandas from reading a CSV column as numbers or booleans."""
    present = {cell for cell in cells if cell is not None}
    if {str(cell).lower() for cell in present} <= {"true", "false"}:
        return False
    return any(isinstance(cell, str) and number(cell) is None for cell in present)


def _words(values: list[Any], *, cells: bool) -> list[Any]:
    """Write values as their categories; what is none, and not missing either, as itself."""
    raw = pa.array([None if value is None else str(value) for value in values], pa.string()) if cells else values
    read = categorical(raw, text=cells)
    found = [read.categories[code] if code >= 0 else None for code in read.codes.tolist()]
    strange = read.codes == INVALID_CODE
    return [_other(value) if odd else word for word, odd, value in zip(found, strange.tolist(), values, strict=True)]


def _other(value: object) -> str:
    """Write what is no category in JSON; times of typed columns are some."""
    written = moment(value)
    return written if isinstance(written, str) else str(value)


def _numbers(values: list[Any], *, cells: bool) -> list[Any]:
    if cells:
        return read_cells(values)
    read = [number(value) if isinstance(value, str) else value for value in values]
    plain = [value if found is None else found for value, found in zip(values, read, strict=True)]
    return [float(value) if isinstance(value, Decimal) else value for value in plain]
