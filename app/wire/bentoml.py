"""What BentoML's monitors write beside the values that they log: whose they are, and the role of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

META: Final = "bento_meta"
ROLES: Final = {"feature": "feature", "prediction": "prediction", "target": "outcome"}
"""Our word for each of BentoML's roles."""
ANSWERS: Final = ("prediction", "outcome")


@dataclass(frozen=True, slots=True)
class Bento:
    """The bento that logged a row, and the role of each of its columns."""

    name: str | None
    roles: Mapping[str, str]


def bento_of(row: Mapping[str, Any]) -> Bento | None:
    """Read what a row says about itself; None when no monitor of BentoML wrote it."""
    meta = row.get(META)
    if not isinstance(meta, dict):
        return None
    name, schema = meta.get("bento_name"), meta.get("schema")
    described = schema if isinstance(schema, dict) else {}
    roles = {
        column: ROLES[role]
        for column, one in described.items()
        if isinstance(one, dict) and isinstance(role := one.get("role"), str) and role in ROLES
    }
    return Bento(name if isinstance(name, str) else None, roles)


def strangers(roles: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """Name the feature that a column is, by the column: the one answer that nobody knows is the model's only one."""
    found = {}
    for role in ANSWERS:
        unknown = [column for column, told in roles.items() if told == role and column not in known]
        wanted = [name for name, told in known.items() if told == role]
        if len(unknown) == len(wanted) == 1 and wanted[0] not in roles:
            found[unknown[0]] = wanted[0]
    return found
