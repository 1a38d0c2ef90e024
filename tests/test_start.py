"""What a start does not pay for."""

import gc
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from app.start import THRESHOLDS, uncollected, without
from service import Service

SERVE = """
import sys
from app.cli.main import program
program(["serve"])
print(*sorted(sys.modules))
"""


def test_what_a_starting_service_does_not_load() -> None:
    """The modules of `serve` come without what only a terminal, a migration or the first scores need."""
    loaded = subprocess.run([sys.executable, "-c", SERVE], capture_output=True, text=True, check=True).stdout.split()
    assert "app.cli.serve" in loaded
    assert not {"scipy", "alembic", "rich", "pydantic.v1", "pandas", "great_expectations"} & set(loaded)


def test_a_hidden_library_is_there_again_afterwards() -> None:
    """What is hidden cannot be imported as long as the context lasts; what is loaded stays."""
    with without("tabnanny", "sys"):
        assert sys.modules["sys"] is sys
        with pytest.raises(ImportError):
            import_module("tabnanny")
    assert "tabnanny" not in sys.modules
    assert import_module("tabnanny").check


MULTIPLY = """
import os
import app
import numpy as np
np.ones((600, 600)) @ np.ones((600, 600))
print(len(os.listdir("/proc/self/task")))
"""


@pytest.mark.skipif(os.cpu_count() == 1, reason="ONE PROCESSOR: libraries start no threads of their own here")
def test_matrices_are_multiplied_without_threads() -> None:
    """OpenBLAS has no threads of its own: a fork would end them, and hang when one is busy for another thread."""
    clean = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    ran = subprocess.run([sys.executable, "-c", MULTIPLY], env=clean, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "1"


def test_garbage_is_collected_again_afterwards() -> None:
    """The collector rests as long as the context lasts, then looks seldom, and what was loaded is out of its way."""
    before, usual = gc.get_freeze_count(), gc.get_threshold()
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_threshold() == THRESHOLDS > usual
    assert gc.get_freeze_count() > before
    gc.unfreeze()
    gc.set_threshold(*usual)


def test_a_service_that_counts_has_not_loaded_pandas() -> None:
    """Pyarrow asks for pandas when it reads a first list, and is told that there is none."""
    with Service() as service:
        service.client.put("/v1/models/m", json={}).raise_for_status()
        rows = [{"x": float(number), "timestamp": 1_700_000_000 + number} for number in range(100)]
        service.client.post("/v1/models/m/baselines", json={"rows": rows}).raise_for_status()
        if service.process is None:
            raise AssertionError("the service does not run")
        mapped = Path(f"/proc/{service.process.pid}/maps").read_text(encoding="utf-8")
    assert "/pyarrow/" in mapped
    assert "/pandas/" not in mapped
