"""What people said of episodes."""

from app.drift.episodes import Verdict
from app.storage import episodes
from app.storage.database import Connection

NORMAL = "normal"


def verdicts_of(conn: Connection, model_id: int, version: str) -> list[Verdict]:
    """Give the verdicts on a version's episodes, as the calibration reads them."""
    return [
        Verdict(one.id, verdict == NORMAL, window_us)
        for one in episodes.listed(conn, model_id, version=version)
        for verdict, window_us in one.verdicts
    ]
