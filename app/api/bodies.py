"""The JSON bodies that people send to manage models, checked field by field."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.monitor.configuration import LARGEST_BUDGET

MAX_FEATURES = 5_000


class Body(BaseModel):
    """A body that accepts no unknown field and no lookalike type."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class ProblemBody(BaseModel):
    """An RFC 9457 problem document."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    retryable: bool
    stored: Literal["none", "unknown"]


class FeatureBody(Body):
    """A declared feature."""

    kind: Literal["numeric", "categorical"]
    role: Literal["feature", "prediction", "outcome"] = "feature"
    sensitive: bool = False


class BudgetBody(Body):
    """The pages a month that the owner of a model accepts."""

    pages_per_month: Annotated[float, Field(gt=0, le=LARGEST_BUDGET)]


class ModelBody(Body):
    """A model's configuration; a field left out keeps its value."""

    window: str | None = None
    timezone: str | None = None
    late_horizon: str | None = None
    future_tolerance: str | None = None
    time_column: str | None = None
    naive_timestamps: Literal["utc", "local"] | None = None
    version_column: str | None = None
    envelope: Annotated[list[str], Field(max_length=16)] | None = None
    alert_budget: BudgetBody | None = None
    features: Annotated[dict[str, FeatureBody], Field(max_length=MAX_FEATURES)] | None = None


class LineBody(Body):
    """Where one severity begins."""

    mode: Literal["fixed", "calibrated"]
    value: Annotated[float, Field(ge=0)] | None = None
    p: Annotated[float, Field(gt=0, lt=1)] | None = None


Name = Annotated[str, Field(min_length=1, max_length=256)]


class ThresholdBody(Body):
    """The lines of one statistic, for a model or one of its features."""

    statistic: Literal[
        "psi",
        "ks",
        "js",
        "tvd",
        "wasserstein",
        "ratio",
        "evidence",
        "null_ratio",
        "unseen_ratio",
        "invalid_ratio",
        "volume",
    ]
    feature: Name | None = None
    version: Name | None = None
    warning: LineBody | None = None
    critical: LineBody | None = None


class PromotionBody(BaseModel):
    """Which stored windows become a baseline."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, populate_by_name=True)

    start: str = Field(alias="from")
    end: str = Field(alias="to")
    version: Name = "default"


class VerdictBody(Body):
    """What a person says of an episode."""

    verdict: Literal["normal", "failure"]
    note: Annotated[str, Field(max_length=4096, pattern=r"^[^\u0000]*$")] | None = None


class BacktestBody(BaseModel):
    """A range of the past and the settings to try on it."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, populate_by_name=True)

    start: str | None = Field(None, alias="from")
    end: str | None = Field(None, alias="to")
    alert_budget: BudgetBody | None = None
    thresholds: Annotated[list[ThresholdBody], Field(max_length=10_000)] | None = None
    window: Annotated[str, Field(max_length=64)] | None = None
