"""How a model's rows come out of their envelopes."""

from app.drift.columns import Kind
from app.monitor.catalog import Watched
from app.wire.wrapping import Opening


def opening(watched: Watched) -> Opening:
    """Gather what the settings and the features of a model say about its rows."""
    return watched.opening


def numbers_of(watched: Watched) -> frozenset[str]:
    """Name the features whose values are numbers, and that steer nothing."""
    steering = {watched.configuration.time_column, watched.configuration.version_column}
    return frozenset(one.name for one in watched.model.features if one.kind is Kind.NUMERIC) - steering


def known_of(watched: Watched) -> frozenset[str]:
    """Name what a row of the model may hold: its features, its time and its version."""
    steering = (watched.configuration.time_column, watched.configuration.version_column)
    return frozenset(filter(None, (*steering, *(one.name for one in watched.model.features))))
