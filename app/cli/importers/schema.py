"""What the importers know of a model, from its read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.wire.senders.sides import Side


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns that steer, and the features by order for values without names."""

    time_column: str
    steering: frozenset[str]
    asked: Side
    answered: Side

    @classmethod
    def of(cls, model: Mapping[str, Any]) -> "Schema":
        """Read the answer of `GET /v1/models/{model}`."""
        roles = {name: str(feature["role"]) for name, feature in model["features"].items()}
        time_column = str(model["time_column"])
        steering = frozenset({time_column, str(model.get("version_column") or time_column)})
        asked, answered = (
            Side(tuple(name for name, role in roles.items() if role == wanted), steering.union(roles), answer=answer)
            for wanted, answer in (("feature", False), ("prediction", True))
        )
        return cls(time_column, steering, asked, answered)
