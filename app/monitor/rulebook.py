"""The settings under which a version is judged, and the lines that people have drawn."""

import hashlib
import json
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline
from app.drift.context import Grid
from app.drift.evidence import line
from app.drift.judgement import STATISTICS
from app.drift.replay import Settings
from app.drift.scores import Statistic
from app.monitor.catalog import Watched
from app.monitor.configuration import Configuration
from app.monitor.lines import BUDGET, CALIBRATED, FIXED, Line, Lines
from app.storage import thresholds
from app.storage.database import Connection

METHOD: Final = 7
"""Raised when the same counts would be judged another way: what was walked before is then walked anew."""
PLAIN: Final = tuple(one.value for one in Statistic if one is not Statistic.EVIDENCE)


@dataclass(frozen=True, slots=True)
class Rulebook:
    """How the windows of one version on one baseline are judged; `names` are the baseline's features."""

    settings: Settings
    lines: Lines
    names: tuple[str, ...]
    version: str

    @classmethod
    def of(
        cls, configuration: Configuration, baseline: Baseline, *, lines: Lines, version: str, min_rows: int
    ) -> "Rulebook":
        """Gather what an owner has chosen."""
        names = tuple(feature.name for feature in baseline.features)
        grid = Grid(configuration.window, ZoneInfo(configuration.timezone))
        drawn = np.empty((len(STATISTICS), len(names)))
        for s, statistic in enumerate(STATISTICS):
            drawn[s] = [_evidence_line(lines, statistic, feature=name, version=version) for name in names]
        settings = Settings(
            grid,
            pages_per_month=configuration.pages_per_month,
            min_rows=min_rows,
            lines=drawn,
            volume_line=_evidence_line(lines, "volume", feature="", version=version),
        )
        return cls(settings, lines, names, version)

    def warning_p(self, statistic: str) -> NDArray[np.float64]:
        """Give the probability of each feature's calibrated warning line, NaN where there is none; shape (F,)."""
        return self._ps(statistic, "warning")

    def critical_p(self, statistic: str) -> NDArray[np.float64]:
        """Give the probability of each feature's calibrated critical line, NaN where there is none; shape (F,)."""
        return self._ps(statistic, "critical")

    def _ps(self, statistic: str, severity: str) -> NDArray[np.float64]:
        found = self._found(statistic, severity)
        return np.array([one.p if one.mode == CALIBRATED and one.p is not None else np.nan for one in found])

    def fixed(self, statistic: str) -> NDArray[np.float64]:
        """Give each feature's fixed critical line, NaN where there is none; shape (F,), for the volume (1,)."""
        found = self._found(statistic, "critical")
        return np.array([one.value if one.mode == FIXED and one.value is not None else np.nan for one in found])

    def _found(self, statistic: str, severity: str) -> list[Line]:
        names = ("",) if statistic == "volume" else self.names
        return [self.lines.line(statistic, severity, feature=name, version=self.version) for name in names]

    def digest(self) -> bytes:
        """Tell two rulebooks apart by what they would decide or draw."""
        settings = self.settings
        drawn = {
            statistic: [repr(one) for one in self._found(statistic, "critical")] for statistic in (*PLAIN, *STATISTICS)
        }
        said = [
            METHOD,
            settings.grid.length_us,
            str(settings.grid.zone),
            settings.pages_per_month,
            settings.min_rows,
            self.names,
            drawn,
            [repr(self.warning_p(statistic).tolist()) for statistic in ("psi", "ks")],
        ]
        return hashlib.sha256(json.dumps(said).encode()).digest()[:16]


def budget_line(configuration: Configuration, features: int) -> float:
    """Give the evidence that is worth a page under the model's budget."""
    return line(max(features, 1), length_us=configuration.window, pages_per_month=configuration.pages_per_month)


def lines_of(conn: Connection, watched: Watched, baseline: Baseline) -> Lines:
    """Give the lines in force for a model on one of its baselines."""
    return Lines(thresholds.listed(conn, watched.id), page=budget_line(watched.configuration, len(baseline.features)))


def _evidence_line(lines: Lines, statistic: str, *, feature: str, version: str) -> float:
    """Give the line of evidence for one feature; a line that is off is never crossed."""
    found = lines.line(statistic, "critical", feature=feature, version=version)
    if statistic == "evidence" and found.mode == FIXED and found.value is not None:
        return found.value
    return lines.page if found.mode == BUDGET else np.inf
