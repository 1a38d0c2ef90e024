"""The columns that a suite speaks of, so that a sample keeps them although no baseline knows them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_ALONE: Final = ("column", "column_A", "column_B")
_OF_COLUMNS: Final = frozenset(
    {
        "expect_table_column_count_to_be_between",
        "expect_table_column_count_to_equal",
        "expect_table_columns_to_match_set",
    }
)
_WORD: Final = re.compile(r"`([^`]*)`|([^\W\d]\w*)")


@dataclass(frozen=True, slots=True)
class Named:
    """Columns that suites name; `every` tells that they ask which columns there are."""

    columns: frozenset[str] = frozenset()
    every: bool = False


NOTHING: Final = Named()


def named(documents: Iterable[Mapping[str, Any]]) -> Named:
    """Collect what suites name; of the text of a condition, every word that may be a column."""
    columns: set[str] = set()
    every = False
    for document in documents:
        for expectation in document["expectations"]:
            kwargs = expectation["kwargs"]
            every = every or expectation["type"] in _OF_COLUMNS
            columns.update(str(kwargs[name]) for name in _ALONE if name in kwargs)
            columns.update(kwargs.get("column_list") or ())
            columns.update(_words(kwargs.get("row_condition")))
    return Named(frozenset(columns), every)


def _words(condition: object) -> Iterator[str]:
    if isinstance(condition, str):
        yield condition
        for quoted, word in _WORD.findall(condition):
            yield quoted or word
    elif isinstance(condition, Mapping):
        for value in condition.values():
            yield from _words(value)
    elif isinstance(condition, list):
        for value in condition:
            yield from _words(value)
