"""What happens more often than it is written down."""

import threading
from dataclasses import replace
from typing import Final

from app.storage.samples import Sample

PAUSE_S: Final = 1.0
_MOST: Final = 1000
_MOST_WAITING: Final = 100


class Notebook:
    """Samples by model, format and reason: each is written once a second at most, and counted meanwhile."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._lock = threading.Lock()
        self._written_s: dict[tuple[int, str, str], float] = {}
        self._waiting: dict[tuple[int, str, str], Sample] = {}

    def take(self, model_id: int, sample: Sample, *, now_s: float) -> Sample | None:
        """Count a sample; gives what is to be written now, with all that waited for it, else None."""
        key = model_id, sample.format, sample.reason
        with self._lock:
            before = self._waiting.pop(key, None)
            whole = sample if before is None else replace(sample, count=sample.count + before.count)
            early = now_s - self._written_s.get(key, float("-inf")) < PAUSE_S
            if early and len(self._waiting) < _MOST_WAITING:
                self._waiting[key] = whole
                return None
            if key not in self._written_s and len(self._written_s) >= _MOST:
                self._written_s.pop(next(iter(self._written_s)))
            self._written_s[key] = now_s
        return whole

    def rest(self, model_id: int | None = None) -> list[tuple[int, Sample]]:
        """Take what waits, of one model or of all."""
        with self._lock:
            keys = [key for key in self._waiting if model_id is None or key[0] == model_id]
            return [(key[0], self._waiting.pop(key)) for key in keys]
