"""The calls whose other half did not come in time, and those that nobody could finish."""

import math
from collections.abc import Sequence
from typing import Final

import structlog

from app.errors import Conflict, Problem, Unavailable
from app.monitor.pairing import count_parts, forget, side_by_side
from app.monitor.service import Service
from app.storage import models, pairing
from app.storage.models import Model
from app.storage.pairing import Stored

log = structlog.get_logger()

_SWEPT: Final = 500


def sweep(service: Service) -> int:
    """Count what is due; gives how many calls."""
    service.pairs.flush()
    with service.database.transaction(deadline_s=math.inf) as turn:
        if not pairing.claim(turn):
            return 0
        now_us = service.now_us()
        before = now_us - service.policy.pairing_timeout_us
        with service.database.snapshot() as conn:
            pairs = pairing.due(conn, received_before_us=before, now_us=now_us, limit=_SWEPT)
            found = {part.model_id: models.get(conn, part.model_id) for parts in pairs for part in parts[:1]}
            held = pairing.held(conn)
        service.waiting.settle(held)
        if not pairs:
            return 0
        done = side_by_side(pairs, lambda parts: _swept(service, found[parts[0].model_id], parts))
        counted = [part for parts, over in zip(pairs, done, strict=True) if over for part in parts]
        if counted:
            forget(service, counted)
            service.pairs.flush()
        failed = [part for parts, over in zip(pairs, done, strict=True) if not over for part in parts]
        if failed:
            with service.database.transaction() as conn:
                pairing.put_off(conn, failed, now_us=now_us)
    return sum(done)


def _swept(service: Service, model: Model | None, parts: Sequence[Stored]) -> bool:
    """Count one call; False when it has to wait for another round."""
    if model is None:
        return True
    try:
        count_parts(service, service.catalog.watched(model.name), parts)
    except (Unavailable, Conflict) as problem:
        log.warning("call counted later", model=model.name, code=problem.code)
        return False
    except Problem as problem:
        log.warning("call not counted", model=model.name, code=problem.code)
    except Exception:  # a fault of ours: what was acknowledged stays
        log.exception("call counted later", model=model.name)
        return False
    return True
