"""The row "Expectations" of the model's dashboard: which contracts are broken, and by how much."""

from typing import Final

from grafana import panels
from grafana.queries import FEATURE, MODEL, otherwise

_BY: Final = "version, expectation, feature, severity"
_NAMED: Final = "{{version}} {{feature}} {{expectation}} {{severity}}"
_SUCCESS: Final = f"max by ({_BY}) (drift_expectation_success{{{MODEL}}})"

BROKEN: Final = f"count({_SUCCESS} == 0) or vector(0)"
FAILING: Final = otherwise(f"topk(25, 1 - ({_SUCCESS} == 0))", "expectation", "none")
UNEXPECTED: Final = otherwise(
    f"topk(10, max by ({_BY}) (drift_expectation_unexpected_ratio{{{FEATURE}}}))", "expectation", "none"
)


def row() -> list[panels.AnyPanel]:
    """Lay out the panels."""
    return [
        panels.tile(
            "Broken expectations",
            "Expectations that the newest validated window does not meet.",
            (BROKEN, "expectations"),
            unit="none",
            limits=(1,),
        ),
        panels.lines(
            "Unexpected values",
            "The ten largest shares of values that an expectation did not expect; `mostly` tells how many it bears.",
            [(UNEXPECTED, _NAMED)],
            unit="percentunit",
            width=20,
        ),
        panels.heat(
            "Broken over time",
            "One row for each expectation that is broken at some time, at most 25 at once.",
            (FAILING, _NAMED),
            limits=(0.5, 1),
        ),
    ]
