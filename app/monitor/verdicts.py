"""What people said of episodes."""

from app.drift.episodes import Verdict
from app.durations import format_duration
from app.monitor.arms import Arm
from app.storage import episodes
from app.storage.database import Connection

NORMAL = "normal"


def verdicts_of(conn: Connection, arm: Arm) -> list[Verdict]:
    """Give the verdicts on a version's episodes, as the calibration reads them."""
    prefix = prefix_of(arm.length_us)
    return [
        Verdict(episode_id.removeprefix(prefix), verdict == NORMAL, window_us)
        for episode_id, said in episodes.verdicts(conn, arm.model_id, version=arm.version, length_us=arm.length_us)
        for verdict, window_us in said
    ]


def prefix_of(length_us: int) -> str:
    """Give what the ids of episodes of days and weeks begin with; those of own windows have nothing before them."""
    return f"{format_duration(length_us)}-" if length_us else ""
