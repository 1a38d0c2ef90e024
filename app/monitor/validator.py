"""The thread that has windows validated, one at a time."""

import threading
import time
from typing import Final

import structlog

from app.errors import NotFound, Problem
from app.monitor.arms import closed_before
from app.monitor.catalog import Watched
from app.monitor.service import Service
from app.monitor.validation import validate_window
from app.quality.process import Bounds, Examiner
from app.storage import models, reservoirs, suites

TOGETHER: Final = 20

log = structlog.get_logger()


class Validator:
    """Looks for closed windows on which an active suite has not run, and runs it; costs a query while there is none."""

    def __init__(self, service: Service) -> None:
        """Prepare; neither the thread nor the process that validates is started yet."""
        policy = service.policy
        self._service = service
        self._stop = threading.Event()
        self._examiner = Examiner(
            Bounds(
                deadline_s=policy.expectation_deadline_us / 1e6,
                memory_bytes=policy.expectation_memory,
                idle_s=policy.expectation_idle_us / 1e6,
            ),
            home=policy.scratch,
        )
        self._thread = threading.Thread(target=self._run, name="driftgauge-validate", daemon=True)

    def start(self) -> None:
        """Start looking."""
        self._thread.start()

    def stop(self, *, timeout_s: float = 5.0) -> None:
        """End at once; what was under way is done again by whoever comes next."""
        self._stop.set()
        self._examiner.kill()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        pause = self._service.policy.evaluate_interval_us / 1e6
        while not self._stop.wait(pause):
            try:
                self.round()
                self._examiner.rest()
            except Problem as problem:
                log.warning("round postponed", round="validate", code=problem.code)
            except Exception:
                if not self._stop.is_set():
                    log.exception("round failed", round="validate")
        self._examiner.stop()

    def round(self) -> int:
        """Validate what is due in every model; gives the number of windows."""
        service, done = self._service, 0
        with service.database.snapshot() as conn:
            waiting = suites.watched_models(conn)
        for model_id in waiting:
            with service.database.snapshot() as conn:
                model = models.get(conn, model_id)
            if model is None:
                continue
            try:
                done += self._model(service.catalog.watched(model.name, fresh=True))
            except NotFound:
                continue
        return done

    def _model(self, watched: Watched) -> int:
        service, done = self._service, 0
        while not self._stop.is_set():
            before = closed_before(service, watched)
            with service.database.snapshot() as conn:
                due = reservoirs.due(conn, watched.id, start_before_us=before, limit=TOGETHER)
            for one in due:
                started = time.monotonic()
                if self._stop.is_set() or not validate_window(service, watched, one, examiner=self._examiner):
                    return done
                done += 1
                log.info("window validated", model=watched.model.name, seconds=round(time.monotonic() - started, 3))
            if not due:
                return done
        return done
