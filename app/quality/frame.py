"""Columns of a sample as the pandas frame that a person would make of the same rows. Imports pandas."""

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd


def frame_of(columns: Mapping[str, Sequence[Any]], cells: Collection[str] = ()) -> pd.DataFrame:
    """Make a frame; pandas infers the type of each column from its values, those of CSV `cells` as `read_csv` does."""
    try:
        read = _read({name: columns[name] for name in columns if name in cells})
    except (ValueError, UnicodeError):
        read = {}
    return pd.DataFrame({name: read[name] if name in read else _series(columns[name]) for name in columns})


def _series(values: Sequence[Any]) -> pd.Series:
    try:
        return pd.Series(list(values))
    except (TypeError, ValueError, OverflowError):
        return pd.Series(list(values), dtype=object)


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
