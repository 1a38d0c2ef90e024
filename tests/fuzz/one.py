"""`python -m tests.fuzz.one TARGET ...`: fuzz one target in this process, with libFuzzer's options after its name."""

import operator
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import atheris
import pyarrow as pa
from atheris.version_dependent import CMP_OP_SHIFT_AMOUNT

from app.start import without

PLAIN: Final = frozenset({int, float, bool, str, bytes, type(None)})
COMPARE: Final = (operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge)


def main() -> None:
    """Read everything of ours with instruments on, then never return."""
    name, *options = sys.argv[1:]
    sys.path.insert(0, str(Path(__file__).parents[1]))
    with atheris.instrument_imports(include=["app"]), without("pandas"):
        from fuzz.targets import TARGETS  # noqa: PLC0415 - instrumented as it is imported

        pa.array(["a"])  # pyarrow looks for pandas, whose seconds of loading would count as the first input's
    target = TARGETS[name]

    def read(data: bytes) -> None:
        if not isinstance(atheris._trace_cmp, partial):  # Fuzz() has just set it
            atheris._trace_cmp = partial(compared, atheris._trace_cmp)
        try:
            target.read(data)
        except target.declared:
            return

    atheris.Setup([sys.argv[0], *options], read)
    atheris.Fuzz()


def compared(trace: Callable[..., Any], left: Any, right: Any, *how: int) -> Any:
    """Compare, and tell the fuzzer of plain values alone: atheris 3.0 never lets go of a result, were it an array."""
    if type(left) in PLAIN and type(right) in PLAIN:
        return trace(left, right, *how)
    return COMPARE[how[0] >> CMP_OP_SHIFT_AMOUNT](left, right)


if __name__ == "__main__":
    main()
