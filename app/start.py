"""What makes a start cheap: a killed service is back as soon as its modules are loaded."""

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

THRESHOLDS: Final = (10_000, 20, 100)
"""New objects between two looks for garbage: requests leave hardly any, and looking was an eighth of their cost."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage while modules are loaded: they leave none, and looking is an eighth of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)
        gc.enable()


class _Absent(MetaPathFinder):
    """Finds modules missing."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """Raise for a hidden module, and leave every other to the finders behind."""
        del path, target
        if fullname in self._names:
            raise ModuleNotFoundError(f"{fullname} is not wanted here", name=fullname)
        return None


@contextmanager
def without(*optional: str) -> Iterator[None]:
    """Let libraries be used as if these, which they can do without, were not installed."""
    absent = _Absent(optional)
    sys.meta_path.insert(0, absent)
    try:
        yield
    finally:
        sys.meta_path.remove(absent)
