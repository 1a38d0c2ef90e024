"""Views that the tests of the exposition share."""

from dataclasses import replace

from app.metrics import families
from app.metrics.instruments import Instruments
from app.metrics.snapshot import (
    SEVERITIES,
    EpisodeView,
    ExpectationView,
    FeatureView,
    IncidentView,
    ModelView,
    RollupView,
    VersionView,
)

HOUR_US = 3_600_000_000


def feature(name: str = "x", **changes: object) -> FeatureView:
    """A scored feature with a psi, a ks, an evidence and their lines."""
    values: dict[str, object] = {
        "status": "ok",
        "scored": True,
        "scores": {"psi": 0.1, "ks": 0.05, "evidence": 1.5, "null_ratio": 0.0},
        "thresholds": {("psi", "warning"): 0.2, ("psi", "critical"): None, ("evidence", "critical"): 5.16},
        "mean": 2.5,
    }
    return FeatureView(name=name, **(values | changes))  # type: ignore[arg-type]


def model(name: str = "m", **changes: object) -> ModelView:
    """A model with one version, two features and one open episode."""
    version = VersionView(
        version="default",
        features=(feature("x"), feature("y", status="critical", mean=None)),
        window_start_us=0,
        window_end_us=HOUR_US,
        volume=1000,
        volume_thresholds={"critical": 5000.0},
        last_row_us=HOUR_US + 500_000,
        silence_us=3 * HOUR_US,
        episodes=(EpisodeView("y", "evidence", "critical", "nulls"),),
        incidents=(IncidentView("y", "evidence", 0),),
    )
    values: dict[str, object] = {
        "baseline": 1,
        "baseline_created_us": 1_500_000,
        "pages_per_month": 1.0,
        "pages_spent": 2,
        "versions": (version,),
    }
    return ModelView(name=name, **(values | changes))  # type: ignore[arg-type]


def complete() -> ModelView:
    """A model of which every series that can be shown is shown."""
    statistics = [name for name in families.KEPT if name != families.VOLUME]
    lines = {(name, severity): 9.0 for name in statistics for severity in SEVERITIES}
    (version,) = model().versions
    whole = feature("x", scores=dict.fromkeys(statistics, 0.5), thresholds=lines, distinct=7)
    broken = ExpectationView(
        "expect_column_values_to_not_be_null", "y", "critical", success=False, unexpected_ratio=0.5
    )
    rolled = RollupView("1d", "x", "null_ratio", "warning", "nulls")
    return model(versions=(replace(version, features=(whole,), expectations=(broken,), rollups=(rolled,)),))


def used() -> Instruments:
    """Instruments on which everything has happened once."""
    instruments = Instruments("1.2.3")
    instruments.count_rows("m", "arrow", outcome="accepted", rows=990)
    instruments.count_request("arrow", 200)
    instruments.count_unpaired("m", "response")
    instruments.count_auth_failure("expired")
    instruments.link("service", "https://drift.example.org/")
    instruments.evaluated("m", at_us=5 * HOUR_US)
    instruments.evaluation_failed("m")
    instruments.commit_seconds.observe(0.01)
    instruments.evaluation_seconds.observe(0.2)
    return instruments
