"""Which line holds for a score: feature over model over default."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.drift.scores import Statistic
from app.storage.thresholds import StoredThreshold

SEVERITIES: Final = ("warning", "critical")
FIXED: Final = "fixed"
CALIBRATED: Final = "calibrated"
BUDGET: Final = "budget"
USUAL_P: Final = 0.01


@dataclass(frozen=True, slots=True)
class Line:
    """Where a severity begins: a fixed value, one calibrated to a p-value, or evidence under the budget; else off."""

    mode: str | None = None
    value: float | None = None
    p: float | None = None

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> "Line":
        """Read a stored line."""
        if document is None:
            return cls()
        return cls(document["mode"], document.get("value"), document.get("p"))


DEFAULTS: Final[Mapping[tuple[str, str], Line]] = {
    (Statistic.PSI, "warning"): Line(CALIBRATED, p=USUAL_P),
    (Statistic.KS, "warning"): Line(CALIBRATED, p=USUAL_P),
    (Statistic.EVIDENCE, "critical"): Line(BUDGET),
    (Statistic.NULL_RATIO, "critical"): Line(BUDGET),
    (Statistic.UNSEEN_RATIO, "critical"): Line(BUDGET),
    (Statistic.INVALID_RATIO, "critical"): Line(BUDGET),
    (Statistic.VOLUME, "critical"): Line(BUDGET),
}
OFF: Final = Line()


class Lines:
    """The lines of one model."""

    def __init__(self, stored: Iterable[StoredThreshold], *, page: float) -> None:
        """Index the thresholds that people have set; `page` is the evidence that the budget allows."""
        self.page = page
        self._stored = {(one.statistic, one.feature, one.version): one for one in stored}

    def line(self, statistic: str, severity: str, *, feature: str, version: str) -> Line:
        """Give the line in force for one score."""
        for key in ((feature, version), (feature, None), (None, version), (None, None)):
            found = self._stored.get((statistic, *key))
            if found is not None:
                return Line.of(found.warning if severity == "warning" else found.critical)
        return DEFAULTS.get((statistic, severity), OFF)

    def listed(self) -> Iterator[dict[str, object]]:
        """List every line with where it comes from."""
        for (statistic, feature, version), stored in sorted(
            self._stored.items(), key=lambda item: tuple(part or "" for part in item[0])
        ):
            for severity in SEVERITIES:
                line = Line.of(stored.warning if severity == "warning" else stored.critical)
                source = "model" if feature is None else "feature"
                yield _document(statistic, severity, line, feature=feature, version=version, source=source)
        for (statistic, severity), line in DEFAULTS.items():
            if (statistic, None, None) not in self._stored:
                known = Line(BUDGET, self.page) if statistic is Statistic.EVIDENCE else line
                yield _document(statistic, severity, known, feature=None, version=None, source="default")


def _document(  # noqa: PLR0913 - the fields of the published row
    statistic: str, severity: str, line: Line, *, feature: str | None, version: str | None, source: str
) -> dict[str, object]:
    return {
        "statistic": str(statistic),
        "feature": feature,
        "version": version,
        "severity": severity,
        "mode": CALIBRATED if line.mode == BUDGET else line.mode or "off",
        "value": line.value,
        "p": line.p,
        "source": source,
    }
