"""What the drift series tell of all models, read at once: many models cost no more queries than one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.drift.evidence import MONTH_US
from app.storage import baselines, episodes, received, scores, suites, thresholds
from app.storage.baselines import Activation
from app.storage.database import Connection
from app.storage.episodes import Episode
from app.storage.scores import ScoredWindow
from app.storage.thresholds import StoredThreshold


@dataclass(frozen=True, slots=True)
class Entry:
    """What is stored of one model.

    `episodes` are those that are open or began within 30 days, oldest first, `rolled` the open ones of days and weeks;
    `created` tells when baselines were made.
    """

    newest: list[ScoredWindow] = field(default_factory=list)
    thresholds: list[StoredThreshold] = field(default_factory=list)
    schedule: tuple[Activation, ...] = ()
    received: dict[str, int] = field(default_factory=dict)
    episodes: list[Episode] = field(default_factory=list)
    created: Mapping[int, int] = field(default_factory=dict)
    contracted: bool = False
    rolled: list[Episode] = field(default_factory=list)


def roster(conn: Connection, *, now_us: int) -> dict[int, Entry]:
    """Read the entries of all models that have anything stored, by their id; wants the connection of a snapshot."""
    newest, lines = scores.newest(conn), thresholds.all_models(conn)
    schedules, arrivals = baselines.schedules(conn), received.by_version(conn)
    running, contracted = episodes.recent(conn, since_us=now_us - MONTH_US), set(suites.watched_models(conn))
    created, rolled = baselines.created(conn), episodes.rolled(conn)
    return {
        model: Entry(
            newest.get(model, []),
            lines.get(model, []),
            schedules.get(model, ()),
            arrivals.get(model, {}),
            running.get(model, []),
            created,
            model in contracted,
            rolled.get(model, []),
        )
        for model in newest.keys() | lines.keys() | schedules.keys() | arrivals.keys() | running.keys() | contracted
    }
