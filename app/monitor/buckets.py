"""Token buckets: so much a second, for each of many callers."""

import math
import threading
from collections import OrderedDict
from typing import Final

_CALLERS: Final = 10_000


class Buckets:
    """A rate for each caller; one second's worth may be spent at once, and a debt is paid back before more is given."""

    def __init__(self, rate: float, *, callers: int = _CALLERS) -> None:
        """Grant `rate` a second to each; a rate of 0 is no limit, the longest idle callers are forgotten."""
        self._rate = rate
        self._callers = callers
        self._lock = threading.Lock()
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str, *, now_s: float) -> int:
        """Give the whole seconds until the caller may go on; 0 when it may now."""
        if not self._rate:
            return 0
        with self._lock:
            level = self._level(caller, now_s)
        return 0 if level > 0 else max(1, math.ceil(-level / self._rate))

    def spend(self, caller: str, amount: float, *, now_s: float) -> None:
        """Charge a caller, into debt if need be."""
        if not self._rate:
            return
        with self._lock:
            self._levels[caller] = (self._level(caller, now_s) - amount, now_s)
            self._levels.move_to_end(caller)
            while len(self._levels) > self._callers:
                self._levels.popitem(last=False)

    def _level(self, caller: str, now_s: float) -> float:
        level, then = self._levels.get(caller, (self._rate, now_s))
        return min(self._rate, level + (now_s - then) * self._rate)
