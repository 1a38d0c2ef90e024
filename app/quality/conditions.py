"""Row conditions that select rows and do nothing else: pandas would run them as programs."""

import ast
import re
from typing import Any, Final

_LONGEST: Final = 4_000
_QUOTED_NAME: Final = re.compile(r"`[^`@(){}\[\]]*`")
_METHODS: Final = frozenset({"isnull", "isna", "notnull", "notna", "isin", "between"})
_LAWFUL: Final = (
    ast.Expression,
    ast.BoolOp,
    ast.And,
    ast.Or,
    ast.UnaryOp,
    ast.Not,
    ast.USub,
    ast.UAdd,
    ast.Invert,
    ast.BinOp,
    ast.BitAnd,
    ast.BitOr,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.Mod,
    ast.Compare,
    ast.Eq,
    ast.NotEq,
    ast.Lt,
    ast.LtE,
    ast.Gt,
    ast.GtE,
    ast.In,
    ast.NotIn,
    ast.Name,
    ast.Load,
    ast.Constant,
    ast.List,
    ast.Tuple,
)
_UNSAFE: Final = re.compile(r"[`@\"'\\\n]")


def check_condition(condition: object) -> str | None:
    """Say what is wrong with a condition, as text for pandas or as an object of Great Expectations; None if nothing."""
    if isinstance(condition, str):
        return _text_fault(condition)
    if isinstance(condition, dict):
        return _object_fault(condition)
    return "it is text or an object"


def _text_fault(text: str) -> str | None:
    if len(text) > _LONGEST:
        return f"it is longer than {_LONGEST} characters"
    try:
        tree = ast.parse(_QUOTED_NAME.sub("quoted_name", text).strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "it is no comparison of columns and values"
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, _LAWFUL):
            if isinstance(node, ast.Name) and node.id.startswith("__"):
                return f"{node.id[:64]} is not allowed"
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.keywords:
            continue
        if isinstance(node, ast.Attribute) and id(node) in called and node.attr in _METHODS:
            continue
        return f"{type(node).__name__.lower()} is not allowed"
    return None


def _object_fault(condition: dict[str, Any]) -> str | None:
    """Check every string within: Great Expectations writes them into a pandas query as they are."""
    waiting: list[tuple[str, object]] = [("", condition)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.items())
        elif isinstance(value, list):
            waiting.extend((name, one) for one in value)
        elif isinstance(value, str):
            if name == "pass_through_filter":
                fault = _text_fault(value)
                if fault is not None:
                    return fault
            elif _UNSAFE.search(value):
                return "quotes, backticks, backslashes and @ are not allowed in its values"
    return None
