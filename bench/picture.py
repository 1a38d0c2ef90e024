"""Draw the README's picture from a running demo: `python bench/picture.py [URL]` writes docs/images/year.png."""

import datetime as dt
import json
import sys
import urllib.request
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from app.cli.demo.faults import FAULTS, Fault
from app.cli.demo.replay import PATH

URL: Final = "http://127.0.0.1:8080"
TARGET: Final = Path(__file__).parents[1] / "docs" / "images" / "year.png"
QUIET, LOUD, LINE, FAULT, SECOND = "#8fb8d0", "#2a6f97", "#c1121f", "#f4a261", "#6a4c93"
HABIT: Final = 0.25

Series = tuple[NDArray[np.datetime64], NDArray[np.float64], NDArray[np.float64]]


def get(url: str) -> Any:
    """Read one JSON answer."""
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - a service of ours
        return json.load(answer)


def series(url: str, feature: str, statistic: str, severity: str) -> Series:
    """Times, values and lines of one score."""
    found = [
        row for row in get(f"{url}{PATH}/scores?feature={feature}&statistic={statistic}") if row["value"] is not None
    ]
    times = np.array([row["window_start"].removesuffix("Z") for row in found], "datetime64[us]")
    lines = np.array([row["threshold"][severity] for row in found], np.float64)
    return times, np.array([row["value"] for row in found], np.float64), lines


def broken(times: NDArray[np.datetime64], fault: Fault) -> NDArray[np.bool_]:
    """Which windows lie in the days of a fault."""
    return (times >= np.datetime64(fault.first)) & (times < np.datetime64(fault.last + dt.timedelta(days=1)))


def psi(axes: Axes, url: str, fault: Fault) -> None:
    """The PSI of every window of the feature that the fault spoils."""
    times, values, _ = series(url, fault.feature, "psi", "warning")
    over, inside = values > HABIT, broken(times, fault)
    share = float(over[~inside].mean())
    axes.scatter(times[~over], values[~over], s=3, color=QUIET, lw=0)
    axes.scatter(times[over], values[over], s=3, color=LOUD, lw=0)
    axes.axhline(HABIT, color=LINE, lw=0.9, ls="--")
    axes.set_yscale("log")
    axes.set_ylim(0.003, 20)
    axes.set_ylabel("PSI of a window")
    axes.set_title(
        f"{fault.feature}: over the customary {HABIT} in {share:.0%} of the windows without the fault", loc="left"
    )
    print(f"{fault.feature}: {share:.3f} of the windows outside the fault have a PSI over {HABIT}")


def draw(url: str) -> Figure:
    """Two features' PSI, and below them the evidence that decides what is worth a page."""
    mpl.rcParams.update({"font.size": 9, "axes.titlesize": 9.5, "axes.spines.top": False, "axes.spines.right": False})
    figure = Figure(figsize=(9, 6.2), layout="constrained", facecolor="white")
    rows = figure.subplots(3, 1, sharex=True)
    for axes, fault in zip(rows, FAULTS, strict=False):
        psi(axes, url, fault)
    for fault, colour in zip(FAULTS, (LOUD, SECOND), strict=True):
        times, values, lines = series(url, fault.feature, "evidence", "critical")
        rows[2].plot(times, values, color=colour, lw=1, label=fault.feature)
    rows[2].plot(times, lines, color=LINE, lw=0.9, ls="--", label="line of one page a month")
    rows[2].set_title("evidence of both: what a page is sent for", loc="left")
    rows[2].set_ylabel("evidence")
    rows[2].set_ylim(0, 1.35 * float(lines[-1]) + 1)
    rows[2].legend(loc="upper left", frameon=False, ncols=3)
    months = np.arange("2013-03", "2014-02", dtype="datetime64[M]")
    rows[2].set_xticks(months.astype("datetime64[us]"), [str(month) for month in months])
    for axes, faults in zip(rows, ([FAULTS[0]], [FAULTS[1]], FAULTS), strict=True):
        for fault in faults:
            first, last = np.datetime64(fault.first), np.datetime64(fault.last + dt.timedelta(days=1))
            axes.axvspan(first, last, color=FAULT, alpha=0.4, lw=0, zorder=0)
            if axes is not rows[2]:
                axes.text(last, 11, f" injected: {fault.what}", va="center", fontsize=8.5)
    return figure


if __name__ == "__main__":
    picture = draw(sys.argv[1] if len(sys.argv) > 1 else URL)
    TARGET.parent.mkdir(exist_ok=True)
    picture.savefig(TARGET, dpi=110, metadata={"Software": None})
