"""Columns of a sample as the pandas frame that a person would make of the same rows. Imports pandas."""

import csv
import datetime as dt
import decimal
import io
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import pandas as pd
import pyarrow as pa

_STAMP: Final = re.compile(r"timestamp\[(s|ms|us|ns)(?:, tz=(.+))?\]")
_DECIMAL: Final = re.compile(r"decimal\d+\((\d+), (-?\d+)\)")
_WORDS: Final = re.compile(r"dictionary<values=(?:large_)?string, .*")


def frame_of(
    columns: Mapping[str, Sequence[Any]], cells: Collection[str] = (), types: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Make a frame; pandas infers the type of each column from its values, those of CSV `cells` as `read_csv` does.

    Columns of which Arrow's type is known become what Arrow makes of them.
    """
    try:
        read = _read({name: columns[name] for name in columns if name in cells})
    except (ValueError, UnicodeError):
        read = {}
    for name, kind in (types or {}).items():
        series = _typed(columns[name], kind) if name in columns and name not in cells else None
        if series is not None:
            read[name] = series
    return pd.DataFrame({name: read[name] if name in read else _series(columns[name]) for name in columns})


def _series(values: Sequence[Any]) -> pd.Series:
    try:
        return pd.Series(list(values))
    except (TypeError, ValueError, OverflowError):
        return pd.Series(list(values), dtype=object)


def _typed(values: Sequence[Any], name: str) -> pd.Series | None:
    """Give values the type that they came with; None where they do not fit."""
    try:
        kind = _kind(name)
        read = _reader(kind)
        own = values if read is None else [read(value) if isinstance(value, str) else value for value in values]
        return pa.table({"": pa.array(own, kind)}).to_pandas()[""]
    except (ValueError, TypeError, OverflowError, ArithmeticError, NotImplementedError):  # Arrow's errors are such
        return None


def _kind(name: str) -> Any:
    """Read what Arrow calls a type; ValueError where it is too strange."""
    stamp, exact = _STAMP.fullmatch(name), _DECIMAL.fullmatch(name)
    if stamp is not None:
        return pa.timestamp(stamp[1], tz=stamp[2])
    if exact is not None:
        return pa.decimal256(int(exact[1]), int(exact[2]))
    if _WORDS.fullmatch(name):
        return pa.dictionary(pa.int32(), pa.string())
    return pa.type_for_alias(name)


def _reader(kind: Any) -> Callable[[str], Any] | None:
    """Tell how the text is read as which MessagePack holds a value."""
    if pa.types.is_timestamp(kind):
        return dt.datetime.fromisoformat
    if pa.types.is_date(kind):
        return dt.date.fromisoformat
    if pa.types.is_time(kind):
        return dt.time.fromisoformat
    return decimal.Decimal if pa.types.is_decimal(kind) else None


def _read(columns: Mapping[str, Sequence[Any]]) -> dict[str, pd.Series]:
    """Read cells; every one is quoted, so that none is taken for a blank line or for two."""
    if not columns:
        return {}
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerows(zip(*columns.values(), strict=True))
    file.seek(0)
    frame = pd.read_csv(file, header=None, low_memory=False)
    return dict(zip(columns, (frame[number] for number in frame.columns), strict=True))
