"""The functions of scipy.special, loaded when the first window is scored.

Loading takes a quarter of a service's start and 27 MB, and a service that starts has nothing to score yet.
"""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    """Give a function of the library."""
    return getattr(importlib.import_module("scipy.special"), name)
