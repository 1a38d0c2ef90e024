"""Row by row or column by column, as TensorFlow Serving, KServe version 1, MLflow and Vertex write them."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from app.wire.faults import NOT_AN_OBJECT, RAGGED_LINE, check_listed, check_names, kept, undecodable
from app.wire.jsonrows import RowColumns, table_of_rows
from app.wire.senders.sides import Answer, Part, Side, check_width, named, rows_of
from app.wire.table import LISTED_REJECTIONS, RawColumn, Rejection, Table

_SCALARS: Final = (str, int, float, bool, type(None))
Again = Callable[[], list[Any]]


def table_of_instances(instances: object, side: Side, *, exact: Again | None = None) -> Table:
    """Make a table of rows that are objects, arrays in the order of the features, or single values."""
    if isinstance(instances, dict):
        return table_of_parts(parts_of_columns(instances), side)
    if not isinstance(instances, list):
        raise undecodable("the rows must be an array")
    kinds = set(map(type, instances))
    if dict in kinds and (list in kinds or _holds_lists(instances)):
        again = None if exact is None else lambda: [by_name(row, side) for row in exact()]
        return table_of_rows([by_name(row, side) for row in instances], exact=again)
    if not kinds or dict in kinds:
        return table_of_rows(instances, exact=exact)
    return _table_of_lists(instances, side, kinds=kinds)


def _holds_lists(rows: list[Any]) -> bool:
    return any(list in map(type, row.values()) for row in rows if isinstance(row, dict))


def by_name(row: Any, side: Side) -> Any:
    """Make an object of a row that is an array in the order of the features; one of another width stays.

    In an object, as signatures of TensorFlow have it, an array of one value is that, and an array that bears no
    feature's name holds the features that no name stands for.
    """
    if isinstance(row, list):
        return dict(zip(side.ordered, row, strict=True)) if len(row) == len(side.ordered) else row
    if not isinstance(row, dict) or list not in map(type, row.values()):
        return row
    widest = max(len(value) for value in row.values() if isinstance(value, list))
    # Fewer values than features are worth no look at all features, in each of many rows.
    left = [name for name in side.ordered if name not in row] if widest + len(row) > len(side.ordered) else []
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, list) and len(value) == 1:
            found[name] = value[0]
        elif isinstance(value, list) and name not in side.known and len(value) == len(left):
            found |= zip(left, value, strict=True)
        else:
            found[name] = value
    return found


def _table_of_lists(rows: list[Any], side: Side, *, kinds: set[type], told: bool = False) -> Table:
    """Make a table of arrays in an order that the model or, where it was `told`, the sender gives."""
    wanted = len(side.ordered)
    if list not in kinds:
        check_width(1, wanted)
        return Table(len(rows), {side.ordered[0]: rows}, len(rows))
    check_listed(len(rows))
    bad: dict[int, str] = {}
    widths = set(map(len, rows)) if kinds <= {list} else set()
    if widths != {wanted}:
        bad = {
            n: RAGGED_LINE if isinstance(row, list) else NOT_AN_OBJECT
            for n, row in enumerate(rows)
            if not isinstance(row, list) or len(row) != wanted
        }
        if len(bad) == len(rows) and not told:
            check_width(next((len(row) for row in rows if isinstance(row, list)), 0), wanted)
    good = [row for n, row in enumerate(rows) if n not in bad] if bad else rows
    values = map(list, zip(*good, strict=True)) if good else ([] for _ in side.ordered)
    columns: dict[str, RawColumn] = dict(zip(side.ordered, values, strict=True))
    listed = tuple(Rejection(row, reason) for row, reason in list(bad.items())[:LISTED_REJECTIONS])
    return Table(len(good), columns, len(rows), kept(len(rows), list(bad)), listed)


def table_of_split(split: object, *, what: str = "dataframe_split") -> Table:
    """Make a table of column names and rows in their order."""
    match split:
        case {"columns": list(names), "data": list(rows)} if all(isinstance(name, str | int) for name in names):
            labels = tuple(map(str, names))
        case _:
            raise undecodable(f"{what} is an object of columns and data")
    check_names(len(labels))
    if len(set(labels)) != len(labels):
        raise undecodable(f"{what} names a column twice")
    return _table_of_lists(rows, Side(labels, frozenset(labels)), kinds=set(map(type, rows)) | {list}, told=True)


def table_of_parts(parts: Sequence[Part], side: Side) -> Table:
    """Make a table of columns and tensors."""
    rows = rows_of(parts)
    return Table(rows=rows, columns=named(parts, side), received=rows)


def parts_of_columns(columns: Mapping[str, Any]) -> list[Part]:
    """Read named columns, each an array of values or of arrays; one value alone is one row."""
    check_names(len(columns))
    return [_part(name, values if isinstance(values, list) else [values]) for name, values in columns.items()]


def _part(name: str | None, values: list[Any]) -> Part:
    widths = {len(value) if isinstance(value, list) else -1 for value in values}
    if len(widths) != 1 or -1 in widths:
        return Part(name, values, len(values))
    return Part(name, list(chain.from_iterable(values)), len(values), widths.pop(), deep=True)


def answer_of_predictions(predictions: object, side: Side) -> Answer:
    """Read what a model answered, row by row or column by column; a row that cannot be read is null."""
    if isinstance(predictions, dict):
        parts = parts_of_columns(predictions)
        return Answer(rows_of(parts), named(parts, side))
    if not isinstance(predictions, list):
        raise undecodable("the predictions must be an array")
    count = len(predictions)
    if any(isinstance(row, dict) for row in predictions):
        check_listed(count)
        objects = RowColumns([_answered(row, side) for row in predictions], None)
        return Answer(count, named([Part(name, objects[name], count) for name in objects], side))
    if not any(isinstance(row, list) for row in predictions):
        return Answer(count, named([Part(None, predictions, count)], side))
    check_listed(count)
    widths = {len(row) for row in predictions if isinstance(row, list)}
    width = len(side.ordered) if len(side.ordered) in widths or not side.ordered else max(widths)
    rows = [row if isinstance(row, list) else [row] for row in predictions]
    rows = [row if len(row) == width else [None] * width for row in rows]
    return Answer(count, named([Part(None, list(chain.from_iterable(rows)), count, width, deep=True)], side))


def _answered(row: Any, side: Side) -> dict[str, Any]:
    """Give what was answered for a row by name; nothing when it cannot be read."""
    lone = not isinstance(row, list | dict) and len(side.ordered) == 1
    found = by_name([row] if lone else row, side)
    return found if isinstance(found, dict) else {}
