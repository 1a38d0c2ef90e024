"""Names and instants as they arrive in a URL."""

from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Path, Query

from app.errors import Refused
from app.wire.names import check_name

BATCH_ID_BYTES = 128


def decoded(raw: str, what: str, *, limit: int = 256) -> str:
    """Read a name from the raw path."""
    try:
        name = unquote(raw, errors="strict")
    except UnicodeDecodeError as error:
        raise Refused("unlawful-name", f"the {what} name is not UTF-8") from error
    return check_name(name, what, limit=limit)


async def model_name(model: Annotated[str, Path(description="Name of the model.")]) -> str:
    """Read the model's name from the path."""
    return decoded(model, "model")


async def batch_id(batch_id: Annotated[str, Path(description="Id of the batch, 1 to 128 bytes.")]) -> str:
    """Read the batch's id from the path."""
    return decoded(batch_id, "batch", limit=BATCH_ID_BYTES)


async def feature_name(feature: Annotated[str, Path(description="Name of the feature.")]) -> str:
    """Read the feature's name from the path."""
    return decoded(feature, "feature")


ModelName = Annotated[str, Depends(model_name)]
BatchId = Annotated[str, Depends(batch_id)]
FeatureName = Annotated[str, Depends(feature_name)]


async def arm(
    version: Annotated[str | None, Query(description="Version of the model; all where it makes sense.")] = None,
) -> str | None:
    """Read an optional version."""
    return None if version is None or version == "" else check_name(version, "version")


Version = Annotated[str | None, Depends(arm)]


async def wanted_feature(
    feature: Annotated[str | None, Query(description="Name of a feature; empty for volume.")] = None,
) -> str | None:
    """Read an optional feature."""
    return feature if not feature else check_name(feature, "feature")


async def wanted_model(
    model: Annotated[str | None, Query(description="Name of a model; all if none.")] = None,
) -> str | None:
    """Read an optional model."""
    return None if model is None else check_name(model, "model")


Feature = Annotated[str | None, Depends(wanted_feature)]
WantedModel = Annotated[str | None, Depends(wanted_model)]


async def wanted_window(
    window: Annotated[
        str | None, Query(description="Length of window: the model's own, `1d` or `1w`, local days and weeks.")
    ] = None,
) -> str | None:
    """Read an optional length."""
    return None if window is None else window[:64]


WindowLength = Annotated[str | None, Depends(wanted_window)]
