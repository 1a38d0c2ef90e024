"""A derived suite for somebody's own pipeline, where categories that look like numbers are numbers."""

from dataclasses import replace
from typing import Any

from app.quality.suite import Expectation, Suite
from app.quality.twins import typed


def abroad(suite: Suite) -> Suite:
    """Write categories as a frame may hold them: where all look like numbers, as those, and in sets as both."""
    return replace(suite, expectations=tuple(map(_abroad, suite.expectations)))


def _abroad(expectation: Expectation) -> Expectation:
    kwargs: dict[str, Any] = dict(expectation.kwargs)
    if isinstance(kwargs.get("value_set"), list):
        kwargs["value_set"] = [*_typed(kwargs["value_set"]), *kwargs["value_set"]]
    partition = kwargs.get("partition_object")
    if isinstance(partition, dict) and "values" in partition:
        kwargs["partition_object"] = {**partition, "values": _typed(partition["values"]) or partition["values"]}
    return replace(expectation, kwargs=kwargs)


def _typed(values: list[Any]) -> list[Any]:
    read = [typed(value) for value in values]
    return read if None not in read and len(set(read)) == len(read) else []
