"""The road of a window: folded counts, scores, evidence, episodes, gauges."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np

from app import failpoints
from app.drift.period import Period
from app.monitor.arms import closed_before, reaching
from app.monitor.breath import short_turns
from app.monitor.catalog import Watched
from app.monitor.chronicle import resume, walk_week
from app.monitor.gauges import publish
from app.monitor.history import begun, periods_of
from app.monitor.incidents import Stretch, keep
from app.monitor.judged import HIDDEN
from app.monitor.rolling import roll, unrolled_before
from app.monitor.service import Service
from app.monitor.terms import terms
from app.monitor.turn import TURN_S, TakenError
from app.storage import exposition, fold, models, received, rollups, scores, thresholds, windows
from app.storage.database import Connection
from app.storage.scores import ScoredWindow
from app.storage.thresholds import StoredThreshold
from app.storage.turns import take_turn

FOLD_S = 60.0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How much one evaluation did."""

    windows: int = 0
    scores: int = 0

    def __add__(self, other: "Evaluation") -> "Evaluation":
        """Add up two rounds."""
        return Evaluation(self.windows + other.windows, self.scores + other.scores)


def fold_all(service: Service, model_id: int, *, wait: bool = False) -> int:
    """Fold what the model's journal holds now, or nothing when another replica is at it and we do not wait.

    What comes in the meantime is left to the next round: many small folds cost more than a large one.
    """
    total = 0
    while True:
        with service.database.transaction(deadline_s=FOLD_S) as conn:
            folded = fold.fold_model(conn, model_id, now_us=service.now_us(), wait=wait)
        if folded.rows:
            failpoints.hit("fold.after_commit")
        total += folded.rows
        if not folded.more:
            return total


def due(service: Service) -> Iterator[Watched]:
    """Give the models with a closed window that changed, or with settings under which nothing was judged yet."""
    with service.database.snapshot() as read:
        oldest = windows.oldest_dirty(read)
        stored = thresholds.all_models(read)
        living = models.listed(read)
    for model in living:
        watched = service.catalog.watched(model.name)
        changed = service.judged_under.get(model.id) != _settings(watched, stored.get(model.id, []))
        if changed or oldest.get(model.id, closed_before(service, watched)) < closed_before(service, watched):
            yield watched


def _settings(watched: Watched, stored: Sequence[StoredThreshold]) -> object:
    return watched.model.revision, tuple(map(repr, stored))


@short_turns()
def evaluate(service: Service, watched: Watched, *, wait: bool = False) -> Evaluation:
    """Walk every version on from its last walked window, or from the week of the first window that changed.

    A model is evaluated by one replica at a time; without `wait` a model that is taken is left to the other.
    """
    fold_all(service, watched.id, wait=wait)
    done = Evaluation()
    with service.database.snapshot() as read:
        settings = _settings(watched, thresholds.listed(read, watched.id))
        changed = windows.dirty(read, watched.id, start_before_us=closed_before(service, watched))
        if not changed and service.judged_under.get(watched.id) == settings:
            return done
        versions = received.versions(read, watched.id)
    with suppress(TakenError):
        for version in versions:
            while (walked := _step(service, watched, version, wait=wait)) is not None:
                done += walked
        service.judged_under[watched.id] = settings
    return done


def rollups_due(service: Service) -> Iterator[Watched]:
    """Give the models with a day that is over and changed, or with settings under which no day was judged yet."""
    with service.database.snapshot() as read:
        oldest = rollups.oldest_unrolled(read)
        stored = thresholds.all_models(read)
        living = models.listed(read)
    for model in living:
        watched = service.catalog.watched(model.name)
        if not periods_of(watched):
            continue
        before = unrolled_before(service, watched)
        changed = service.rolled_under.get(model.id) != (_settings(watched, stored.get(model.id, [])), before)
        if changed or oldest.get(model.id, before) < before:
            yield watched


@short_turns()
def evaluate_rollups(service: Service, watched: Watched, *, wait: bool = False) -> Evaluation:
    """Roll windows up to days and weeks, and walk those as windows are walked, each length by itself.

    Whoever waits has them walked when this returns, even if somebody else has rolled them up a moment ago.
    """
    done = Evaluation()
    periods = periods_of(watched)
    with service.database.snapshot() as read:
        settings = _settings(watched, thresholds.listed(read, watched.id))
        versions = received.versions(read, watched.id)
    if not periods:
        return done
    asked = settings, unrolled_before(service, watched)
    with suppress(TakenError):
        rolled = roll(service, watched, wait=wait)
        if not rolled and not wait and service.rolled_under.get(watched.id) == asked:
            return done
        for period, version in product(periods, versions):
            while (walked := _step(service, watched, version, wait=wait, period=period)) is not None:
                done += walked
        service.rolled_under[watched.id] = asked
    return done


def _step(
    service: Service, watched: Watched, version: str, *, wait: bool, period: Period | None = None
) -> Evaluation | None:
    """Walk one week of one version and commit it; None when nothing is left to walk."""
    with service.database.transaction(deadline_s=TURN_S) as conn:
        if not take_turn(conn, watched.id, wait=wait):
            raise TakenError
        with service.database.snapshot(deadline_s=TURN_S) as read:
            arms = begun(service, read, watched, version, period=period)
            stored = thresholds.listed(read, watched.id)
            for head in arms:
                rulebook = terms(service, watched, head, stored)
                reach = partial(reaching, service, read, watched, head)
                resumed = resume(conn, head, rulebook, reach=reach)
                if resumed is None:
                    continue
                arm, point = resumed
                since_us = int(arm.starts[point.at])
                keeper = _Keeper(conn, watched.id, period)
                until_us, tops = walk_week(
                    read, conn, arm, rulebook, point, now_us=service.now_us(), store=keeper.store
                )
                walked = Stretch(arm.baseline_id, since_us, until_us, whole=until_us >= int(arm.starts[-1]), tops=tops)
                keep(conn, watched, version, arms=arms, walked=walked)
                exposition.bump(conn)
                failpoints.hit("score.before_commit")
                return keeper.done
    return None


class _Keeper:
    """Stores scored windows, or days and weeks, and counts them."""

    def __init__(self, conn: Connection, model_id: int, period: Period | None) -> None:
        self._conn = conn
        self._model_id = model_id
        self._period = period
        self.done = Evaluation()

    def store(self, found: Sequence[ScoredWindow]) -> None:
        if self._period is None:
            scores.save_many(self._conn, self._model_id, found)
        else:
            rollups.save_scores(self._conn, self._model_id, self._period.length_us, found)
        numbers = sum(
            int(np.isfinite(row.values).sum())
            for window in found
            for statistic, row in window.statistics.items()
            if statistic not in HIDDEN
        )
        self.done += Evaluation(len(found), numbers)


def evaluate_now(
    service: Service, watched: Watched, *, from_us: int | None = None, to_us: int | None = None
) -> Evaluation:
    """Score what is due and show it on /metrics before answering; tells how much of the range is scored."""
    evaluate(service, watched, wait=True)
    evaluate_rollups(service, watched, wait=True)
    service.instruments.evaluated(watched.model.name, at_us=service.now_us())
    publish(service)
    with service.database.snapshot() as conn:
        found = scores.counted(conn, watched.id, from_us=from_us, to_us=to_us, without=sorted(HIDDEN))
    return Evaluation(*found)
