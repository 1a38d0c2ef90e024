"""What was kept of a walk; bytes that cannot be read, as after an upgrade, are worked out again."""

from app.drift.calibration import Calibration
from app.drift.record import unpacked
from app.drift.replay import State
from app.drift.states import unpacked_state


def kept_calibration(data: bytes | None) -> Calibration | None:
    """Read a calibration back; None when there is none that can be read."""
    try:
        return None if data is None else unpacked(data)
    except ValueError:
        return None


def kept_state(data: bytes) -> State | None:
    """Read a state back; None when it cannot be read."""
    try:
        return unpacked_state(data)
    except ValueError:
        return None
