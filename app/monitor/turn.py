"""The turn of a replica at evaluating a model."""

from typing import Final

TURN_S: Final = 600.0
"""The longest that one step of a turn may take."""


class TakenError(Exception):
    """Another replica evaluates the model."""
