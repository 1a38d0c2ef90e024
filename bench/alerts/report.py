"""The measurement as a table and as a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib.pyplot as plt
import numpy as np
from alerts.measure import OURS, RULES, Tally
from alerts.shifts import SIZES
from matplotlib.patches import Patch

ROOT: Final = Path(__file__).parents[2]
TEXT: Final = ROOT / "docs" / "alert-quality.md"
PICTURE: Final = ROOT / "docs" / "images" / "alert-quality.png"
LEVELS: Final = (0.1, 0.01, 0.001)
INKS: Final = dict(zip(RULES, ("#c9c9c9", "#8f8f8f", "#0b6e4f"), strict=True))
LEAST: Final = 0.01
HEAD: Final = (
    "| rule | firings a feature-month | episodes a feature-month | time in alarm "
    "| recall due to the shift, small / medium / large | median delay |\n|---|---|---|---|---|---|"
)


PREFACE: Final = """# How good the alerts are

Measured through the running service: a baseline is uploaded, weeks of rows are backfilled in batches, everything is
evaluated, and what is compared are stored episodes, backtests and published scores. Printed by:

    {command}

![False alarms and shifts found, by rule](images/alert-quality.png)

- **No drift.** Eight weeks are the reference, the rest is watched. Of the flights whole weeks are in random order, so
  that no trend is left: every alert is false by construction, though storms and holidays are real. A firing is a change
  from quiet to alert; alerts less than a day apart are one episode; time in alarm is a share of the judged windows.
- **Drift.** In a version of its own each feature breaks once, for seven days from a random hour: location by 0.1, 0.25
  or 1 robust standard deviations; scale x 1.25 (small) or 2 (large); unit x 1.609 (medium); 2, 5 or 20 % stuck at the
  median, null, or one unseen category; the two commonest categories swapped (medium). Found means an alert within the
  seven days; the share of the same spans in alert without the shift is taken off. The delay is the median from the
  onset to the end of the first window in alert, over shifts with no alert on the day before.
- **Rules.** PSI > 0.2 against the baseline (ten groups, by a backtest with that threshold); KS p < 0.05 for independent
  rows, from the published distance (for categories PSI against its chi-square); Driftgauge as it comes, with a budget
  of one page a month."""
PROMISE: Final = (
    "A p-value keeps its word when it falls below a level as often as the level says. "
    "Frequency over level, without drift:"
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What came out of one stream."""

    name: str
    what: str
    tallies: Mapping[str, Tally]
    sizes: Mapping[str, Sequence[float]]


def table(one: Measured) -> str:
    """The table of one stream."""
    lines = [HEAD]
    for rule, tally in one.tallies.items():
        months = tally.feature_months
        due = " / ".join(f"{tally.due(size):.2f}" for size in SIZES)
        delay = f"{np.median(tally.delays_h):.0f} h" if tally.delays_h else "-"
        name = f"**{rule}**" if rule == OURS else rule
        lines.append(
            f"| {name} | {tally.firings / months:.3g} | {tally.episodes / months:.3g} "
            f"| {100 * tally.alarmed / max(tally.judged, 1):.3g} % | {due} | {delay} |"
        )
    return "\n".join(lines)


def size_table(one: Measured) -> str:
    """How well the p-values keep their word."""
    head = "| p-value of | " + " | ".join(f"below {level:g}" for level in LEVELS) + " |\n" + "|---" * 4 + "|"
    rows = [f"| {name} | " + " | ".join(f"{value:.2f}" for value in found) + " |" for name, found in one.sizes.items()]
    return "\n".join([head, *rows])


def text(measured: Sequence[Measured], *, command: str) -> str:
    """The whole document."""
    parts = [PREFACE.format(command=command)]
    for one in measured:
        tally = one.tallies[OURS]
        counted = sum(len(found) for found in tally.found.values())
        parts += [
            "",
            f"## {one.name.capitalize()}",
            "",
            f"{one.what} {tally.feature_months:.0f} feature-months without drift, {counted} injected shifts.",
            "",
            table(one),
        ]
        if one.sizes:
            parts += [
                "",
                PROMISE,
                "",
                size_table(one),
            ]
    return "\n".join(parts) + "\n"


def picture(measured: Sequence[Measured]) -> None:
    """False alarms on a logarithmic scale beside the shifts that were found."""
    plt.rcParams.update({"font.size": 11, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(len(measured), 2, figsize=(10, 2.1 + 2.2 * len(measured)), squeeze=False)
    for (left, right), one in zip(axes, measured, strict=True):
        _alarms(left, one)
        _found(right, one)
    axes[0][0].set_title("False alarms a feature-month", loc="left", fontweight="bold")
    axes[0][1].set_title("Share of shifts found, chance taken off", loc="left", fontweight="bold")
    handles = [Patch(color=INKS[rule]) for rule in RULES]
    figure.legend(handles, RULES, loc="lower center", ncols=len(RULES), frameon=False)
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=110)


def _alarms(axis: Any, one: Measured) -> None:
    rates = [tally.firings / tally.feature_months for tally in one.tallies.values()]
    axis.barh(range(len(RULES)), [max(rate, LEAST) for rate in rates], color=[INKS[rule] for rule in RULES])
    for place, rate in enumerate(rates):
        axis.text(max(rate, LEAST) * 1.15, place, f"{rate:.2g}" if rate else "none", va="center")
    axis.set(xscale="log", xlim=(LEAST, 400), yticks=[], ylabel=one.name)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.invert_yaxis()


def _found(axis: Any, one: Measured) -> None:
    width = 0.8 / len(RULES)
    for place, rule in enumerate(RULES):
        due = [one.tallies[rule].due(size) for size in SIZES]
        where = np.arange(len(SIZES)) + (place - 1) * width
        axis.bar(where, due, width, color=INKS[rule])
        for x, value in zip(where, due, strict=True):
            axis.text(x, max(value, 0) + 0.02, f"{value:.2f}", ha="center", fontsize=9)
    axis.set(ylim=(min(0, axis.get_ylim()[0]), 1.1), yticks=[], xticks=range(len(SIZES)))
    axis.set_xticklabels(SIZES)
