"""Drawing the calibrated lines of the newest windows anew when somebody asks for another probability."""

from dataclasses import replace
from typing import Final

from app.drift.calibration import Calibration
from app.monitor.catalog import Watched
from app.monitor.judged import KS_EXPECTED, PSI_EXPECTED, drawn_line
from app.monitor.memory import kept_calibration
from app.monitor.rulebook import Rulebook, lines_of
from app.monitor.service import Service
from app.storage import chronicles, exposition, scores
from app.storage.scores import ScoredWindow
from app.storage.turns import take_turn

_EXPECTED: Final = {"psi": PSI_EXPECTED, "ks": KS_EXPECTED}


def redraw(service: Service, watched: Watched) -> None:
    """Give the newest window of every version the lines that are in force now."""
    with service.database.transaction() as conn:
        take_turn(conn, watched.id, wait=True)
        for window in scores.newest(conn).get(watched.id, []):
            last = chronicles.last(conn, watched.id, version=window.version, baseline_id=window.baseline_id)
            calibration = None if last is None else kept_calibration(last.calibration)
            if calibration is None:
                continue
            baseline = service.catalog.baseline(window.baseline_id)
            rulebook = Rulebook.of(
                watched.configuration,
                baseline,
                lines=lines_of(conn, watched, baseline),
                version=window.version,
                min_rows=service.policy.min_rows,
            )
            scores.save(conn, watched.id, _redrawn(window, calibration, rulebook))
        exposition.bump(conn)


def _redrawn(window: ScoredWindow, calibration: Calibration, rulebook: Rulebook) -> ScoredWindow:
    statistics = dict(window.statistics)
    for statistic, normal in (("psi", calibration.psi), ("ks", calibration.ks)):
        row, expected = statistics.get(statistic), statistics.get(_EXPECTED[statistic])
        if row is not None and expected is not None:
            at = expected.values[None]
            statistics[statistic] = replace(
                row,
                warning=drawn_line(normal, rulebook.warning_p(statistic), at)[0],
                critical=drawn_line(normal, rulebook.critical_p(statistic), at)[0],
            )
    return replace(window, statistics=statistics)
