"""Columns of a sample as the pandas frame that a person would make of the same rows. Imports pandas."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd


def frame_of(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Make a frame; pandas infers the type of each column from its values."""
    return pd.DataFrame({name: _series(values) for name, values in columns.items()})


def _series(values: Sequence[Any]) -> pd.Series:
    try:
        return pd.Series(list(values))
    except (TypeError, ValueError, OverflowError):
        return pd.Series(list(values), dtype=object)
