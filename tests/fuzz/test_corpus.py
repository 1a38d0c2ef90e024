"""Every stored input through its reader, without a fuzzer: what was found once stays found."""

from typing import Final

import pytest

from fuzz import corpus
from fuzz.targets import TARGETS

STORED: Final = corpus.inputs()


def test_every_target_has_inputs() -> None:
    """Fuzzing begins with something for every target, and for nothing else."""
    assert STORED.keys() == TARGETS.keys()


@pytest.mark.parametrize("name", TARGETS)
def test_stored_inputs(name: str) -> None:
    """Nothing but a declared exception escapes."""
    target = TARGETS[name]
    for data in [b"", *STORED[name]]:
        try:
            target.read(data)
        except target.declared:
            continue
