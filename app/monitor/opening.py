"""How a model's rows come out of their envelopes."""

from app.drift.columns import Kind, Role
from app.monitor.catalog import Watched
from app.wire.wrapping import Opening


def opening(watched: Watched) -> Opening:
    """Gather what the settings and the features of a model say about its rows."""
    configuration, features = watched.configuration, watched.model.features
    predictions = [feature.name for feature in features if feature.role is Role.PREDICTION]
    return Opening(
        keys=configuration.envelope,
        time_column=configuration.time_column,
        version_column=configuration.version_column,
        features=frozenset(feature.name for feature in features),
        prediction=predictions[0] if len(predictions) == 1 else None,
    )


def numbers_of(watched: Watched) -> frozenset[str]:
    """Name the features whose values are numbers, and that steer nothing."""
    steering = {watched.configuration.time_column, watched.configuration.version_column}
    return frozenset(one.name for one in watched.model.features if one.kind is Kind.NUMERIC) - steering
