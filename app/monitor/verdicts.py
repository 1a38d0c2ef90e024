"""What people said of episodes."""

from app.drift.episodes import Verdict
from app.storage import episodes
from app.storage.database import Connection

NORMAL = "normal"


def verdicts_of(conn: Connection, model_id: int, version: str) -> list[Verdict]:
    """Give the verdicts on a version's episodes, as the calibration reads them."""
    return [
        Verdict(one.id, one.verdict == NORMAL, one.verdict_window_us or 0)
        for one in episodes.listed(conn, model_id, version=version)
        if one.verdict is not None
    ]
