"""Great Expectations run directly on a frame, as a person would."""

import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pandas as pd


@cache
def library() -> Any:
    """The library, whose import warns of its own past."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations  # noqa: PLC0415 - seconds, and only for some tests

    return great_expectations


@cache
def _definition() -> Any:
    gx = library()
    context = gx.get_context(mode="ephemeral")
    bars = gx.data_context.types.base.ProgressBarsConfig(globally=False)
    context.variables.progress_bars = bars
    return (
        context.data_sources.add_pandas("own").add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")
    )


def direct(frame: pd.DataFrame, expectations: Sequence[Mapping[str, Any]]) -> list[tuple[bool, float | None]]:
    """Success and share of unexpected values of each expectation."""
    told = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        batch = _definition().get_batch(batch_parameters={"dataframe": frame})
        for expectation in expectations:
            kept = {name: expectation[name] for name in ("type", "kwargs")}
            suite = library().ExpectationSuite(name="own", expectations=[kept])
            (result,) = batch.validate(suite, result_format="BASIC").results
            share = (result.result or {}).get("unexpected_percent")
            told.append((bool(result.success), None if share is None else share / 100))
    return told
